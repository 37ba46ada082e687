"""A document that names a file in; the same with the file's text in it out, so that nothing else has to read files.

A property of the form that says `"x-text-into": "schema"` names a file, relative to the document's own and never
outside the spec folder; its text becomes that other property.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from reconciler.core.model import Json
from reconciler.spec.schema import Schema, folder, known
from reconciler.spec.walk import Found, inside
from reconciler.spec.words import Finding

INTO = "x-text-into"
# A registry takes about 1 MiB: its own topic holds the schema as one record.
LARGEST = 1 << 20


def fill(
    form: Schema, body: Mapping[str, Json], found: Found, relative: str
) -> tuple[dict[str, Json], list[Finding]]:
    """The body with the texts of the files it names, and what keeps one from being read."""
    made, findings = dict(body), []
    for member, into in members(form):
        if member not in body:
            continue
        where = ("spec", member)
        if into in body:
            told = f"`{member}` and `{into}` are both there; one of them says it all"
            findings.append(Finding(where, told))
            continue
        try:
            made[into] = _text(found, relative, str(body[member]))
        except ValueError as error:
            findings.append(
                Finding(where, f"the file `{body[member]!s:.200}` cannot be used: {error}")
            )
    return made, findings


@lru_cache(maxsize=64)
def members(form: Schema) -> tuple[tuple[str, str], ...]:
    """Members that name a file, each with the member that its text becomes."""
    known = form.body.get("properties", {}).get("spec", {}).get("properties", {})
    return tuple(
        (name, about[INTO])
        for name, about in known.items()
        if isinstance(about, Mapping) and INTO in about
    )


def _text(found: Found, relative: str, name: str) -> str:
    """Raises ValueError with the reason."""
    if PurePosixPath(name).is_absolute():
        raise ValueError("write it relative to this document's file")
    path = Path(found.root, relative).parent / name
    # What lies outside is said to be outside whether it is there or not: nobody looks there.
    if path.parent.resolve().is_relative_to(found.root.resolve()) and not os.path.lexists(path):
        raise ValueError("there is no such file")
    real = inside(found.root, path)
    if not real.is_file():
        raise ValueError("it is not a regular file")
    try:
        with real.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise ValueError("it is larger than 1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def read_in(document: str, texts: Mapping[str, str]) -> dict[str, Json]:
    """The texts of files that a document of this kind names, by member, under the members they are read into."""
    if not texts:
        return {}
    forms = {kind: form for (_, kind), form in known(folder()).items()}
    into = dict(members(forms[document]))
    return {into[member]: text for member, text in texts.items()}
