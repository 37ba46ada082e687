"""A connector's configuration: compared whole, and no secret in anything that is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.connect_config import canonical, problems, readable, resolved_all, veiled
from reconciler.errors import BadUsage
from reconciler.secrets.references import MASK

KEYS = st.sampled_from(
    ["topics", "file", "db.password", "sasl.jaas.config", "api.key", "url", "declared"]
)
SECRETS = st.sampled_from(["hunter2-hunter2", "s3cr3t-s3cr3t"])


class Vault:
    """A session as far as secrets go: `env:A` is there, nothing else is."""

    def secret(self, reference: str) -> str:
        if reference == "env:A":
            return "hunter2-hunter2"
        raise BadUsage(f"{reference} is not set")

    plain = secret


@given(
    st.dictionaries(KEYS, SECRETS),
    st.dictionaries(KEYS, st.sampled_from([["env:A"], ["env:B"], "plain"])),
)
def test_no_secret_is_ever_shown(live: Mapping[str, str], wanted: Mapping[str, Any]) -> None:
    hidden = {"db.password", "sasl.jaas.config", "api.key", "declared"}
    shown, unproven = veiled(live, wanted, frozenset({"declared"}), Vault())  # type: ignore[arg-type]
    assert shown.keys() == live.keys()
    for name, value in shown.items():
        reference = isinstance(wanted.get(name), list)
        if name in hidden or reference:
            assert "hunter2" not in json.dumps(value)
            assert "s3cr3t" not in json.dumps(value)
        else:
            assert value == live[name]
        if wanted.get(name) == ["env:A"]:
            assert (value == ["env:A"]) == (live[name] == "hunter2-hunter2")
    assert len(unproven) == sum(wanted.get(name) == ["env:B"] for name in live)


@pytest.mark.parametrize(
    ("given_", "sent"),
    [(True, "true"), (2, "2"), (["a", "b"], "a,b"), ("x", "x"), ("${file:/a:b}", "${file:/a:b}")],
)
def test_everything_is_text_to_connect(given_: Any, sent: str) -> None:
    assert canonical({"k": given_, "none": None}) == {"k": sent}


def test_a_reference_is_followed_when_it_is_sent_and_text_that_looks_like_one_is_not() -> None:
    config = canonical({"db.password": {"env": "A"}, "note": "env:A"})
    assert config == {"db.password": ["env:A"], "note": "env:A"}
    assert resolved_all(config, Vault()) == {"db.password": "hunter2-hunter2", "note": "env:A"}  # type: ignore[arg-type]


def test_secrets_in_the_open_are_a_problem_and_lookups_are_none() -> None:
    config = {
        "db.password": "x",
        "sasl.jaas.config": 'Plain required password="${file:/x:y}";',
        "aws.secret.access.key": "x",
        "key.converter": "org.acme.Json",
        "tokens": 3,
        "odd": {"env": "A", "b": "c"},
    }
    found = {path[-1] for path, _ in problems(config, ("spec", "config"))}  # type: ignore[arg-type]
    assert found == {"db.password", "aws.secret.access.key", "odd"}


def test_an_import_writes_references_where_secrets_were() -> None:
    shown = {"db.password": MASK, "tasks.max": "2", "flag": "true", "zip": "007"}
    assert readable(shown, "main_sink") == {
        "db.password": {"env": "MAIN_SINK_DB_PASSWORD"},
        "tasks.max": 2,
        "flag": True,
        "zip": "007",
    }
