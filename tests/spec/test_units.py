"""Durations and sizes: what people write, what Kafka gets, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.units import LARGEST, duration_ms, say_duration, say_size, size_bytes

amounts = st.integers(0, LARGEST)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("15m", 900_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
        ("7 d", 604_800_000),
        ("604800000", 604_800_000),
        (604_800_000, 604_800_000),
        ("-1", -1),
        (-1, -1),
        ("unlimited", -1),
        ("0", 0),
    ],
)
def test_durations(text: str | int, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512KiB", 524_288),
        ("64MiB", 67_108_864),
        ("2GiB", 2_147_483_648),
        ("10MB", 10_000_000),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1TiB", 1 << 40),
        ("17B", 17),
        ("1048588", 1_048_588),
        ("unlimited", -1),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "d", "7 days", "1h30m", "-2", "-7d", "1.5h", "7D", "0x10", "\u0667d", "7d\n8", True],
)
def test_what_is_no_duration(text: str | int) -> None:
    with pytest.raises(ValueError, match="expected a duration such as `7d`"):
        duration_ms(text)


@pytest.mark.parametrize("text", ["2Mb", "2M", "2mib", "1.5GiB", "GiB", "-10MB", False])
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match="expected a size such as `512KiB`"):
        size_bytes(text)


@pytest.mark.parametrize("text", ["106751991168d", "9223372036854775808"])
def test_more_than_kafka_can_hold(text: str) -> None:
    with pytest.raises(ValueError, match="more than Kafka can hold"):
        duration_ms(text)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (604_800_000, "7d"),
        (86_400_000, "1d"),
        (5_400_000, "90m"),
        (500, "500ms"),
        (0, "0ms"),
        (-1, "unlimited"),
    ],
)
def test_say_duration(milliseconds: int, said: str) -> None:
    assert say_duration(milliseconds) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (2_097_152, "2MiB"),
        (10_000_000, "10MB"),
        (1024, "1KiB"),
        (-1, "unlimited"),
        (1_048_588, None),
        (17, None),
    ],
)
def test_say_size(size: int, said: str | None) -> None:
    assert say_size(size) == said


@pytest.mark.parametrize("odd", [1_500, LARGEST, -2])
def test_nothing_is_rounded(odd: int) -> None:
    assert say_duration(odd) is None


@given(amounts)
def test_what_is_said_means_the_same_duration(amount: int) -> None:
    said = say_duration(amount)
    assert said is None or duration_ms(said) == amount


@given(amounts)
def test_what_is_said_means_the_same_size(amount: int) -> None:
    said = say_size(amount)
    assert said is None or size_bytes(said) == amount


@given(st.integers(1, 10_000), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_round_trip_of_durations(count: int, unit: str) -> None:
    amount = duration_ms(f"{count}{unit}")
    said = say_duration(amount)
    assert said is None or duration_ms(said) == amount
    assert said is not None or unit == "ms"


@given(st.integers(1, 10_000), st.sampled_from(["KiB", "MiB", "GiB", "TiB", "MB", "GB", "TB"]))
def test_round_trip_of_sizes(count: int, unit: str) -> None:
    amount = size_bytes(f"{count}{unit}")
    assert size_bytes(str(say_size(amount))) == amount
