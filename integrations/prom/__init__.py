"""Prom.ua: a marketplace and shop builder; for the hub a source of orders."""
