"""Horoshop: a shop builder; for the hub a source of orders and of a catalogue."""
