"""Users on MSK: a secret in AWS Secrets Manager for each, encrypted with your own key and associated with the cluster.

"Sign-in credentials authentication with AWS Secrets Manager" (docs.aws.amazon.com/msk, msk-password). What was asked
for is noted on the secret itself, as tags, so it needs no record elsewhere; tags hold references, never a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from reconciler.core import silent
from reconciler.core.model import (
    Action,
    Around,
    Change,
    Code,
    Document,
    Json,
    Kind,
    Path,
    Platform,
    Resource,
    Risk,
    World,
)
from reconciler.core.risk import each
from reconciler.kinds import user
from reconciler.platforms.msk.settings import Settings
from reconciler.platforms.msk.user_driver import MADE_BY, UserDriver, encoded

MECHANISM = user.MECHANISM
# What a secret's name may hold (CreateSecret, `Name`).
NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,200}")
LONGEST_TAG = 256
# "Limitations when using SCRAM secrets".
MOST = 1_000


def resources(document: Document, _platform: Platform, key: str) -> Iterator[Resource]:
    """One user: the key that encrypts the secret, and the reference to the password. MSK chooses the iterations."""
    spec = document.spec
    settings: dict[str, Json] = {
        "mechanism": MECHANISM,
        "kmsKey": key,
        "associated": True,
        "password": spec["password"],
    }
    if spec.get("rotation"):
        settings["rotation"] = spec["rotation"]
    yield Resource(document.name, settings)


def documents(live: Sequence[Resource], _around: Around) -> Iterator[Mapping[str, Json]]:
    """Users that kstate made; of others only the secret's name is known."""
    for resource in live:
        if "password" in resource.settings:
            kept = ("password", "rotation")
            spec = {name: resource.settings[name] for name in kept if name in resource.settings}
            yield {"name": resource.name, "spec": spec}


def check(document: Document) -> Iterator[tuple[Path, str]]:
    yield from user.check(document)
    spec = document.spec
    if spec.get("mechanism") not in (None, MECHANISM):
        yield ("spec", "mechanism"), f"MSK knows only {MECHANISM}"
    if spec.get("iterations") is not None:
        yield ("spec", "iterations"), "MSK chooses the iterations itself: leave them out"
    if not NAME.fullmatch(document.name):
        words = "this is part of a secret's name: letters, digits and `/ _ + = . @ -`, 200 at most"
        yield ("metadata", "name"), words
    for name in ("password", "rotation"):
        if len(encoded(str(spec.get(name) or ""))) > LONGEST_TAG:
            yield (
                ("spec", name),
                "it is too long to be noted on the secret: a tag holds 256 characters",
            )


# --- what could hurt


def password_rule(change: Change, _world: World) -> Iterator[Risk]:
    edited = {edit.path[0] for edit in change.edits}
    if change.action is Action.UPDATE and edited & {"password", "rotation"}:
        yield Risk("KS171", "the password is set anew: MSK takes it up within minutes")
    elif change.action is Action.UPDATE and "kmsKey" in edited:
        yield Risk("KS195", "encrypted with another key, and associated again")
    if change.action is Action.DELETE:
        yield Risk("KS272", f"User:{change.key.name} can no longer log in by SCRAM")


def made_by_rule(change: Change, world: World) -> Iterator[Risk]:
    """A secret without our tag is somebody else's, whatever its name is."""
    live = world.live.get(change.key.name)
    if (
        change.before is not None
        and live is not None
        and live.settings.get(MADE_BY) != change.key.name
    ):
        words = (
            f"a secret of that name is there, and kstate did not make it: it has no tag `{MADE_BY}`"
        )
        yield Risk("KS994", words)


def many_rule(change: Change, world: World) -> Iterator[Risk]:
    if change.action is Action.CREATE and len(world.planned) > MOST:
        yield Risk("KS993", f"an MSK cluster has up to {MOST:,} users")


def steps(change: Change, days: int) -> Sequence[str]:
    """In AWS's words, as each is a request of its own."""
    if change.action is Action.DELETE:
        return (
            "BatchDisassociateScramSecret",
            f"DeleteSecret, to be restored within {days} days",
        )
    if change.action is Action.CREATE:
        return ("CreateSecret, or RestoreSecret with the new password", "BatchAssociateScramSecret")
    return ()


CODES = (
    Code(
        "KS195",
        "Another key for a user's secret",
        "The secret is encrypted with another KMS key and associated with the cluster again, so that MSK may read it"
        " with the new one. The password stays.",
        "Name the former key again.",
    ),
    Code(
        "KS994",
        "A user's secret cannot be kept like this",
        "MSK reads users from secrets that are encrypted with a symmetric KMS key of your own; and kstate changes and"
        " deletes only secrets that it made, which carry its tags. Name another key, delete or rename the secret that"
        " is in the way, or tag it if it is to be kstate's (docs/platforms/msk.md).",
    ),
)


def user_kind(settings: Settings) -> Kind:
    """User as a cluster of these settings has it."""
    return replace(
        user.KIND,
        resources=partial(resources, key=settings.key),
        documents=documents,
        check=check,
        drivers=(UserDriver(settings),),
        unseen=frozenset(),
        verify=silent.of_two,
        steps=partial(steps, days=settings.days),
        facts=True,
        rights=(),
        rules=(each(password_rule), each(made_by_rule), each(many_rule)),
    )
