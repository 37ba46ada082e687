"""Which clusters a selector fits."""

from __future__ import annotations

import pytest

from reconciler.core.labels import check, fits

LABELS = {"env": "prod", "region": "eu", "tier": 1, "pci": True}


@pytest.mark.parametrize(
    ("selector", "fit"),
    [
        ("env=prod", True),
        ("env=staging", False),
        ("env!=staging", True),
        ("env!=prod", False),
        ("env=prod,region=eu", True),
        ("env=prod, region=us", False),
        ("tier=1", True),
        ("pci=true", True),
        ("pci", True),
        ("owner", False),
        ("owner!=me", True),
        ("owner=", False),
    ],
)
def test_a_selector_fits(selector: str, fit: bool) -> None:
    check(selector)
    assert fits(selector, LABELS) is fit


@pytest.mark.parametrize("selector", ["", "=x", "a=b=c", "a=b,", "!=x", "a b=c"])
def test_what_nobody_could_mean_is_no_selector(selector: str) -> None:
    with pytest.raises(ValueError, match="expected KEY=VALUE"):
        check(selector)
