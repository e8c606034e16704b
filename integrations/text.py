"""Marks English source texts for translation without knowing how they will be shown."""


def N_(text: str) -> str:
    """The text itself; the extractor collects it, the page that shows it translates it."""
    return text
