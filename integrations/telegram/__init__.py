"""Telegram: a messenger; for the hub a place that messages go to."""
