"""Users' secrets read, judged and written: made or changed, then associated; disassociated, and only then deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from reconciler.clients.aws import Refused
from reconciler.clients.lean import LostAnswer
from reconciler.clients.msk import SECRETS_A_CALL, Msk
from reconciler.clients.secretsmanager import Secret, Secrets
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Json,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.errors import BadUsage, Failed
from reconciler.kinds.user import MECHANISM
from reconciler.platforms.msk.settings import Settings

PREFIX = "AmazonMSK_"
# Tags of a secret that kstate made: whose it is, and what was asked for.
MADE_BY, PASSWORD, ROTATION = "kstate:user", "kstate:password", "kstate:rotation"
SIDE_BY_SIDE = 8
# A secret's ARN ends in its name and six characters of AWS's.
SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")
# What the value of a tag may hold (Secrets Manager, TagResource), save `=`, by which anything else is written.
PLAIN = re.compile(r"[A-Za-z0-9 _.:/+@-]")
TEXT = re.compile(r"=([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Users:
    """The client of this wire: who may log in to the cluster, and the secrets they do it with."""

    msk: Msk
    secrets: Secrets

    def close(self) -> None:
        self.msk.close()


@dataclass(frozen=True, slots=True)
class UserDriver:
    """Users of one cluster, by Secrets Manager and MSK's own API."""

    settings: Settings
    wire: str = "aws-scram"
    batch: int = SECRETS_A_CALL

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """A secret that waits to be deleted is not there. Its value is compared where this login may read it."""
        client = cast("Users", session.client(self.wire))
        associated = client.msk.associated()
        known = {self._user(arn): arn for arn in associated}
        names = sorted(scope.names if scope.names is not None else known)
        there = _described(client.secrets, {name: self.secret(name) for name in names})
        values = self._values(client.secrets, {n: s for n, s in there.items() if n in scope.wanted})
        for name, secret in there.items():
            wanted = scope.wanted.get(name, {}).get("password")
            told, why = _told(session, name, secret, wanted, values.get(secret.name))
            settings = _settings(secret, told, associated=secret.arn in associated)
            facts: Body = {"secret": secret.arn} if scope.facts else {}
            yield Resource(name, settings, facts, why)
        if scope.others or scope.names is None:
            others = known.keys() - (set(names) if scope.names is not None else there.keys())
            yield from (Resource(name, {}) for name in sorted(others))

    def secret(self, user: str) -> str:
        """The name of a user's secret. One account may hold several clusters, so it says which it is for."""
        return f"{PREFIX}{self.settings.arn.cluster}/{user}"

    def _user(self, arn: str) -> str:
        """The user of a secret that is named as above, else the secret's own name."""
        name = SUFFIX.sub("", arn.partition(":secret:")[2])
        return name.removeprefix(self.secret(""))

    def _values(self, secrets: Secrets, there: Mapping[str, Secret]) -> Mapping[str, str | Failed]:
        return secrets.values([secret.name for secret in there.values()])

    # --- judging

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Whether the key is one that MSK takes, and whether a secret that waits to be deleted is in the way."""
        client = cast("Users", session.client(self.wire))
        encrypted = [c for c in changes if c.after and "kmsKey" in c.after]
        key = list(_key_risks(client, self.settings.key)) if encrypted else []
        risks: dict[Key, list[Risk]] = {change.key: list(key) for change in encrypted}
        made = {c.key.name: c for c in changes if c.action is Action.CREATE}
        waiting = _waiting(client.secrets, {name: self.secret(name) for name in made})
        for name, secret in waiting.items():
            if secret.tags.get(MADE_BY) != name:
                words = f"the secret {secret.name} waits to be deleted, and kstate did not make it"
                risks.setdefault(made[name].key, []).append(Risk("KS994", words))
        return risks

    # --- writing

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Secrets first, then one call that lets them in. What goes is shut out first, and deleted only if it was."""
        client = cast("Users", session.client(self.wire))
        gone = [change for change in changes if change.action is Action.DELETE]
        yield from self._deleted(client, gone)
        ready: dict[str, Key] = {}
        lets_in: set[str] = set()
        for change in changes:
            if change.action is Action.DELETE:
                continue
            try:
                arn = self._put(session, client.secrets, change)
            except Failed as error:
                yield _outcome(change.key, error)
            else:
                ready[arn] = change.key
                lets_in |= {arn} if _lets_in(change) else set()
        answers = {**dict.fromkeys(ready), **client.msk.associate(sorted(lets_in))}
        yield from (_outcome(key, answers[arn]) for arn, key in ready.items())

    def _deleted(self, client: Users, changes: Sequence[Change]) -> Iterator[Outcome]:
        arns = {str(change.expects["secret"]): change.key for change in changes}
        shut = set(arns) & client.msk.associated() if arns else set()
        answers = {**dict.fromkeys(arns), **client.msk.disassociate(sorted(shut))}
        for arn, key in arns.items():
            error = answers[arn]
            if error is None:
                try:
                    client.secrets.delete(arn, self.settings.days)
                except Failed as failed:
                    error = failed
            yield _outcome(key, error)

    def _put(self, session: Session, secrets: Secrets, change: Change) -> str:
        """The secret as wanted; its ARN. An update touches what is edited, and nothing else."""
        after, name = change.after or {}, change.key.name
        value = json.dumps({"username": name, "password": session.secret(str(after["password"]))})
        tags = _tags(name, after)
        if change.action is Action.CREATE:
            return self._made(secrets, name, value, tags)
        arn = str(change.expects["secret"])
        edited = {edit.path[0] for edit in change.edits}
        if "kmsKey" in edited:
            secrets.encrypt(arn, self.settings.key)
        if edited & {"password", "rotation"}:
            secrets.put(arn, value)
            secrets.tag(arn, tags)
            secrets.untag(arn, [ROTATION]) if ROTATION not in tags else None
        return arn

    def _made(self, secrets: Secrets, name: str, value: str, tags: Mapping[str, str]) -> str:
        """A new secret, or the one that a killed apply made, or one of ours that waited to be deleted."""
        there = secrets.describe(self.secret(name))
        if there is None:
            return secrets.create(self.secret(name), value, self.settings.key, tags)
        if there.tags.get(MADE_BY) != name:
            raise Failed(f"the secret {there.name} is there, and kstate did not make it")
        if there.deleted:
            secrets.restore(there.arn)
        if there.key != self.settings.key:
            secrets.encrypt(there.arn, self.settings.key)
        secrets.put(there.arn, value)
        secrets.tag(there.arn, tags)
        return there.arn


def _lets_in(change: Change) -> bool:
    """MSK finds a new password by itself, but not how to read it: "re-associate" after another key (msk-password)."""
    edited = {edit.path[0] for edit in change.edits}
    return change.action is Action.CREATE or bool(edited & {"associated", "kmsKey"})


# --- what is known of a secret


def _described(secrets: Secrets, names: Mapping[str, str]) -> dict[str, Secret]:
    """The secrets that are there, by user."""
    found = _looked_up(secrets, names)
    return {user: secret for user, secret in found.items() if not secret.deleted}


def _waiting(secrets: Secrets, names: Mapping[str, str]) -> dict[str, Secret]:
    """Those that wait to be deleted."""
    found = _looked_up(secrets, names)
    return {user: secret for user, secret in found.items() if secret.deleted}


def _looked_up(secrets: Secrets, names: Mapping[str, str]) -> dict[str, Secret]:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = zip(names, pool.map(secrets.describe, names.values()), strict=True)
        return {user: secret for user, secret in found if secret is not None}


def _settings(secret: Secret, password: str | None, *, associated: bool) -> Body:
    settings: dict[str, Json] = {
        "mechanism": MECHANISM,
        "kmsKey": secret.key,
        "associated": associated,
    }
    if password is not None:
        settings["password"] = password
    if MADE_BY in secret.tags:
        settings[MADE_BY] = secret.tags[MADE_BY]
    if ROTATION in secret.tags:
        settings["rotation"] = decoded(secret.tags[ROTATION])
    return settings


def _told(
    session: Session, user: str, secret: Secret, wanted: Json, value: str | Failed | None
) -> tuple[str | None, tuple[str, ...]]:
    """The reference whose password the secret holds, None for another password; and what could not be compared.

    The value decides where it can be read; else the reference that was noted when it was set.
    """
    noted = decoded(secret.tags[PASSWORD]) if PASSWORD in secret.tags else None
    if not isinstance(wanted, str):
        return noted, ()
    if not isinstance(value, str):
        why = value.message if isinstance(value, Failed) else "Secrets Manager told no value"
        return noted, (f"the password was not compared: {why}",)
    try:
        password = session.secret(wanted)
    except BadUsage as error:
        return noted, (f"the password was not compared: {error.message}",)
    return (wanted if _holds(value, user, password) else None), ()


def _holds(value: str, user: str, password: str) -> bool:
    try:
        body = json.loads(value)
    except ValueError:
        return False
    return isinstance(body, dict) and (body.get("username"), body.get("password")) == (
        user,
        password,
    )


def _key_risks(client: Users, key: str) -> Iterator[Risk]:
    try:
        found = client.msk.aws.call("kms", "describe_key", KeyId=key)["KeyMetadata"]
    except Refused as error:
        if error.denied:
            yield Risk("KS101", f"not vetted: {error.message}")
        else:
            yield Risk("KS994", f"the key {key} cannot be used: {error.message}")
        return
    if found.get("KeyManager") == "AWS":
        yield Risk("KS994", f"{key} is AWS's own key; MSK takes only one of yours")
    elif found.get("KeyState") != "Enabled" or found.get("KeySpec") != "SYMMETRIC_DEFAULT":
        words = f"{found.get('KeySpec')}, {found.get('KeyState')}"
        yield Risk("KS994", f"the key {key} is {words}; it has to be symmetric and enabled")


def _tags(user: str, after: Body) -> dict[str, str]:
    tags = {MADE_BY: user, PASSWORD: encoded(str(after["password"]))}
    if after.get("rotation"):
        tags[ROTATION] = encoded(str(after["rotation"]))
    return tags


def encoded(text: str) -> str:
    """A text in the letters that a tag may hold: every other byte as `=` and its number in hexadecimal."""
    return "".join(_signs(text))


def _signs(text: str) -> Iterable[str]:
    for sign in text:
        plain = PLAIN.fullmatch(sign)
        yield sign if plain else "".join(f"={byte:02X}" for byte in sign.encode())


def decoded(text: str) -> str:
    """The reverse. What is not written like this is taken as it is."""
    data = re.sub(TEXT, lambda found: chr(int(found[1], 16)), text)
    try:
        return data.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _outcome(key: Key, error: Failed | None) -> Outcome:
    if error is None:
        return Outcome(key, Status.DONE)
    lost = isinstance(error, LostAnswer)
    return Outcome(key, Status.UNKNOWN if lost else Status.FAILED, error.message)
