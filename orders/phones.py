"""Phone numbers as people type them, turned into E.164."""

from __future__ import annotations

import phonenumbers


def to_e164(text: str, country: str) -> str | None:
    """+380671112233 for "067 111-22-33" in UA; None when it can't be a phone of that country or any other."""
    if not text.strip():
        return ""
    for region in (country or "UA", None):
        try:
            found = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(found) and phonenumbers.is_valid_number(found):
            return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))
    return None
