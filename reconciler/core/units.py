"""Human durations and sizes in, Kafka's own milliseconds and bytes out, and back again where that is exact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

UNLIMITED = -1
LARGEST = 2**63 - 1  # Kafka keeps both in a signed 64-bit number

_DURATIONS = MappingProxyType(
    {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000},
)
_SIZES = MappingProxyType(
    {
        "B": 1,
        "KiB": 1 << 10,
        "MiB": 1 << 20,
        "GiB": 1 << 30,
        "TiB": 1 << 40,
        "kB": 10**3,
        "KB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "TB": 10**12,
    },
)
_SAID_SIZES = ("TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB")
_AMOUNT = re.compile(r"([0-9]{1,19}) ?([A-Za-z]*)")


def duration_ms(text: str | int) -> int:
    """`500ms`, `30s`, `15m`, `12h`, `7d`, `-1`, `unlimited` or a number of milliseconds -> milliseconds.

    Raises ValueError with a sentence that says what was expected.
    """
    return _amount(text, _DURATIONS, "a duration such as `7d`, `12h`, `15m`, `30s` or `500ms`")


def size_bytes(text: str | int) -> int:
    """`512KiB`, `64MiB`, `2GiB`, `10MB`, `-1`, `unlimited` or a number of bytes -> bytes.

    `KiB` and its kin count in 1024s, `kB` and its kin in 1000s. Raises ValueError like `duration_ms`.
    """
    return _amount(text, _SIZES, "a size such as `512KiB`, `64MiB`, `2GiB` or `10MB`")


def say_duration(milliseconds: int) -> str | None:
    """604800000 -> `7d`. None where no unit fits without a rest, so that nothing said is ever rounded."""
    if milliseconds == UNLIMITED:
        return "unlimited"
    if 0 <= milliseconds < 1_000:
        return f"{milliseconds}ms"
    return _say(milliseconds, _DURATIONS, ("d", "h", "m", "s"))


def say_size(size: int) -> str | None:
    """2097152 -> `2MiB`. None where no unit fits without a rest."""
    if size == UNLIMITED:
        return "unlimited"
    return _say(size, _SIZES, _SAID_SIZES)


def _amount(text: str | int, units: Mapping[str, int], expected: str) -> int:
    written = str(text).strip()
    if written in ("-1", "unlimited"):
        return UNLIMITED
    match = _AMOUNT.fullmatch(written)
    factor = units.get(match[2] or next(iter(units))) if match else None
    if match is None or factor is None or isinstance(text, bool):
        raise ValueError(f"expected {expected}, `-1` or `unlimited`, found `{written[:40]}`")
    amount = int(match[1]) * factor
    if amount > LARGEST:
        raise ValueError(f"`{written}` is more than Kafka can hold ({LARGEST})")
    return amount


def _say(amount: int, units: Mapping[str, int], preferred: tuple[str, ...]) -> str | None:
    if amount <= 0:
        return None
    fitting = (unit for unit in preferred if amount % units[unit] == 0)
    unit = next(fitting, None)
    return None if unit is None else f"{amount // units[unit]}{unit}"
