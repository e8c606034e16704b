"""Rozetka: the largest marketplace of Ukraine; for the hub a source of orders and a catalogue."""
