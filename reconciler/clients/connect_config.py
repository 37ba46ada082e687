"""A connector's configuration as a person writes it in, as it is compared and as it is sent out; never a secret shown.

A reference is a list of one text, `["env:DB_PASSWORD"]`, so that no literal value can be mistaken for it. A list of
several, literal or not, is joined by commas when it is sent: bootstrap addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from reconciler.core.model import Body, Json, Path, Session
from reconciler.errors import BadUsage
from reconciler.secrets.references import MASK, is_reference, remember

SECRET = re.compile(
    r"password|passphrase|secret|jaas|credential|(private|access|api|account|shared|encryption|auth)[._]?key$"
    r"|(^|[._])token$|bearer",
    re.IGNORECASE,
)
# `${provider:path:key}`: the workers look it up themselves, and their API never shows what they find (KIP-297).
LOOKED_UP = re.compile(r"\$\{[A-Za-z0-9_.-]+:[^}]*\}")
ADDRESS = re.compile(r"bootstrap\.servers$")


def reference(value: Json) -> str:
    """`env:NAME` for `{env: NAME}`; empty for everything else."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((scheme, rest),) = value.items()
        found = f"{scheme}:{rest}"
        return found if isinstance(rest, str) and is_reference(found) else ""
    return ""


def canonical(config: Mapping[str, Json]) -> dict[str, Json]:
    """Everything as the text that Connect keeps; what is null is not there."""
    return {name: _text(value) for name, value in sorted(config.items()) if value is not None}


def _text(value: Json) -> Json:
    if found := reference(value):
        return [found]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(str(_text(item)) for item in value)
    return str(value)


def problems(config: Mapping[str, Json], under: Path) -> Iterator[tuple[Path, str]]:
    """Values that are neither text nor a reference, and secrets that are written out."""
    for name, value in config.items():
        if isinstance(value, Mapping) and not reference(value):
            yield (*under, name), "expected text, a number, or a reference such as `{env: NAME}`"
        elif open_secret(name, value):
            told = f"`{name}` holds a secret in the open; write `{{env: NAME}}`, `{{file: PATH}}`"
            yield (*under, name), f"{told} or a lookup of the workers, `${{provider:path:key}}`"


def open_secret(name: str, value: Json) -> bool:
    """Whether a setting is a secret by its name, and written out."""
    return (
        isinstance(value, str)
        and value != ""
        and SECRET.search(name) is not None
        and not LOOKED_UP.search(value)
    )


Verdict = Callable[[str, Sequence[Json], str], bool | None]


def veiled(
    live: Mapping[str, str], wanted: Body, passwords: frozenset[str], session: Session
) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Live settings fit to be shown: a reference where its value is the one in use, a mask over any other secret.

    Also a sentence about each whose reference cannot be followed here; it is taken to be as wanted.
    """
    shown = {
        name: masked(value)
        if _secret(name, value, passwords) and not isinstance(wanted.get(name), (list, tuple))
        else value
        for name, value in live.items()
    }
    found, unproven = _compared(
        shown, wanted, lambda n, asked, value: _same(n, asked, value, session)
    )
    for name, value in found.items():
        if value == MASK:
            remember(live[name])
    told = "what it refers to cannot be had here"
    return found, tuple(f"{name} was not compared: {told}" for name in unproven)


def _same(name: str, asked: Sequence[Json], value: str, session: Session) -> bool | None:
    try:
        return value == resolved(name, asked, session)
    except BadUsage:
        return None


def _compared(
    shown: Mapping[str, str], wanted: Body, same: Verdict
) -> tuple[dict[str, Json], list[str]]:
    """Each reference that is wanted where it is the one in use, or where nobody can say; also the names of those."""
    found: dict[str, Json] = {}
    unknown = []
    for name, value in sorted(shown.items()):
        asked = wanted.get(name)
        if not isinstance(asked, (list, tuple)):
            found[name] = value
            continue
        verdict = same(name, asked, value)
        if verdict is None:
            unknown.append(name)
        found[name] = _otherwise(name, value) if verdict is False else list(asked)
    return found, unknown


def _otherwise(name: str, value: str) -> str:
    return value if ADDRESS.search(name) or LOOKED_UP.search(value) else MASK


# --- the same from a snapshot


def recorded(
    live: Mapping[str, str], wanted: Body, passwords: frozenset[str], session: Session
) -> tuple[dict[str, Json], dict[str, Json]]:
    """Live settings without any secret, and the references of the spec that are, or are not, those in use."""
    shown, unproven = veiled(live, wanted, passwords, session)
    unknown = {sentence.partition(" ")[0] for sentence in unproven}
    asked = {n: list(v) for n, v in wanted.items() if isinstance(v, (list, tuple)) and n in live}
    verdicts: dict[str, Json] = {
        "same": {n: v for n, v in asked.items() if n not in unknown and shown[n] == v},
        "other": {n: v for n, v in asked.items() if n not in unknown and shown[n] != v},
    }
    bare = {n: _otherwise(n, live[n]) if n in asked else value for n, value in shown.items()}
    return bare, verdicts


def recalled(
    bare: Mapping[str, str], verdicts: Body, wanted: Body
) -> tuple[dict[str, Json], tuple[str, ...]]:
    """What `veiled` would tell of settings that were recorded: no reference is followed."""
    known = {
        word: cast("Mapping[str, Json]", verdicts.get(word) or {}) for word in ("same", "other")
    }

    def same(name: str, asked: Sequence[Json], value: str) -> bool | None:
        for word, verdict in (("same", True), ("other", False)):
            if known[word].get(name) == list(asked):
                return verdict
        followed = any(is_reference(part) for part in asked)
        return None if followed or value == MASK else value == ",".join(map(str, asked))

    found, unknown = _compared(bare, wanted, same)
    told = "a snapshot holds no secret"
    return found, tuple(f"{name} was not compared: {told}" for name in unknown)


def _secret(name: str, value: str, passwords: frozenset[str]) -> bool:
    declared = name in passwords or SECRET.search(name) is not None
    return declared and value != "" and not LOOKED_UP.search(value)


def masked(value: str) -> str:
    """The mask; the value itself is masked in every message from here on."""
    remember(value)
    return MASK


def resolved(name: str, value: Json, session: Session) -> str:
    """What is sent for a setting. Raises BadUsage for a reference that leads nowhere."""
    if not isinstance(value, (list, tuple)):
        return str(value)
    follow = session.plain if ADDRESS.search(name) else session.secret
    return ",".join(follow(str(part)) for part in cast("Sequence[str]", value))


def resolved_all(config: Body, session: Session) -> dict[str, str]:
    """A whole configuration as it is sent. Raises BadUsage for a reference that leads nowhere."""
    return {name: resolved(name, value, session) for name, value in config.items()}


def readable(config: Body, stem: str) -> dict[str, Json]:
    """The reverse of `canonical`, for an import: what is masked becomes a reference to a variable made of `stem`."""
    return {
        name: {"env": _variable(f"{stem}_{name}")} if value == MASK else _spoken(value)
        for name, value in config.items()
    }


def _variable(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def _spoken(value: Json) -> Json:
    text = str(value)
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text) and text != "-0" else text
