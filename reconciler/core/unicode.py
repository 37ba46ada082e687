"""JSON with characters as they are in, text that UTF-8 can hold out."""

from __future__ import annotations

import re

# Half a pair of UTF-16. JSON can hold one (`"\ud800"`), and then Python does; UTF-8 cannot.
_HALF = re.compile("[\ud800-\udfff]")


def spelt(text: str) -> str:
    """Halves of pairs, which in JSON stand in strings only, as the escapes that mean them."""
    return _HALF.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
