"""IAM policy documents as files below the spec folder: AWS is never told; whoever rolls out roles takes them up."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from reconciler.core.model import (
    Action,
    Body,
    Change,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.errors import Failed
from reconciler.platforms.msk.policies import LONGEST, length, read, written

SUFFIX = ".json"


def is_policy(name: str) -> bool:
    """Whether a resource of the kind is a policy, `ROLE_ARN|DOCUMENT`, rather than a binding of seven parts."""
    return name.count("|") == 1


def named(role: str, document: str) -> str:
    return f"{role}|{document}"


def role_of(name: str) -> str:
    return name.partition("|")[0]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one cluster's policies are: `ACCOUNT/ROLE/DOCUMENT.json` below `path`, which lies below `root`.

    An empty `path`: the cluster has no such folder, and no policies.
    """

    root: str
    path: str
    partition: str

    def place(self, name: str) -> Path:
        """The file of a policy. Raises Failed where a link would lead it out of the spec folder."""
        if not self.path:
            raise Failed(f"{name}: the cluster has no `policies` in its `spec.msk`")
        role, _, document = name.partition("|")
        account, path = role.split(":")[4], role.partition(":role/")[2]
        here = Path(self.root, self.path, account, path.rpartition("/")[2], document + SUFFIX)
        if not here.resolve().is_relative_to(Path(self.root).resolve()):
            raise Failed(f"{here}: a link leads out of the spec folder")
        return here

    def names(self) -> Iterator[str]:
        """Every policy that is there. A role's path is not in its place, so none is in these names."""
        files = Path(self.root, self.path).glob(f"*/*/*{SUFFIX}") if self.path else ()
        for file in sorted(files):
            account, role = file.parent.parent.name, file.parent.name
            yield named(f"arn:{self.partition}:iam::{account}:role/{role}", file.stem)


class PolicyDriver:
    """Policies as files. `vet` knows what IAM would not take."""

    wire = "iam-policy"
    batch = 500

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        folder = cast("Folder", session.client(self.wire))
        wanted = folder.names() if scope.names is None else filter(is_policy, sorted(scope.names))
        seen = set()
        for name in wanted:
            place = folder.place(name)
            seen.add(place)
            with suppress(FileNotFoundError, NotADirectoryError):
                yield Resource(name, {"statements": read(_text(place))})
        if scope.others:
            yield from (Resource(n, {}) for n in folder.names() if folder.place(n) not in seen)

    def vet(self, _session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        return {change.key: list(_risks(change)) for change in changes}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        folder = cast("Folder", session.client(self.wire))
        for change in changes:
            try:
                _put(folder.place(change.key.name), change)
            except OSError as error:
                words = f"{error.filename}: {error.strerror}"
                yield Outcome(change.key, Status.FAILED, words)
            except Failed as error:
                yield Outcome(change.key, Status.FAILED, error.message)
            else:
                yield Outcome(change.key, Status.DONE)


def _text(place: Path) -> str:
    """Raises Failed for a file that is there and cannot be read."""
    try:
        return place.read_text(encoding="utf-8")
    except (PermissionError, IsADirectoryError, UnicodeDecodeError) as error:
        raise Failed(f"{place}: cannot be read: {error}") from error


def _put(place: Path, change: Change) -> None:
    if change.after is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".draft")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(written(_statements(change.after)))
    Path(draft).chmod(0o644)  # a policy is no secret, and belongs into the repository
    Path(draft).replace(place)


def _statements(body: Body | None) -> Body:
    return cast("Body", (body or {}).get("statements") or {})


def _risks(change: Change) -> Iterator[Risk]:
    role = role_of(change.key.name)
    if change.action is Action.DELETE:
        yield Risk("KS194", f"the document goes; {role} has what it allows until it is detached")
        return
    yield Risk("KS194", f"{role} has this only once the document is attached to it")
    size = length(_statements(change.after))
    if size > LONGEST:
        words = f"the policy has {size:,} characters, and IAM takes {LONGEST:,}: make several Acls of it"
        yield Risk("KS995", words)
