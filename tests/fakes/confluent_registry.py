"""Confluent Cloud's Schema Registry with contexts: subjects called `:.context:name`, each context with ids of its own.

From https://docs.confluent.io/platform/current/schema-registry/develop/api.html and schema-linking-cp.html beside it: a
list without `subjectPrefix` is of all contexts, a subject without a context is of the default one, what a subject does
not set itself (`config`, `mode`) is 404 unless `defaultToGlobal=true`. Errors are `{error_code, message}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.confluent import basic
from tests.fakes.server import Call, Reply, Route, Service

DOCS = "https://docs.confluent.io/platform/current/schema-registry/develop/api.html"
SCHEMA = frozenset({"schema", "schemaType", "references", "metadata", "ruleSet"})


def refused(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"error_code": code, "message": message})


def context(subject: str) -> str:
    """`:.ctx:` of `:.ctx:name`, empty for the default context."""
    return subject[: subject.index(":", 1) + 1] if subject.startswith(":.") else ""


@dataclass
class Registry:
    """`versions` by subject, each with its text, type, references and id; `gone` those that are deleted softly."""

    key: str = "SRKEY"
    secret: str = "sr-secret"
    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=lambda: {"": "BACKWARD"})
    modes: dict[str, str] = field(default_factory=lambda: {"": "READWRITE"})

    def service(self) -> Service:
        return Service(
            "Confluent Schema Registry",
            (*self._subject_routes(), *self._setting_routes()),
            login=self._login,
            unknown=lambda _call, why: refused(404, 404, why),
        )

    def _login(self, call: Call) -> Reply | None:
        if call.header("Authorization") == basic(self.key, self.secret):
            return None
        return refused(401, 401, "Unauthorized")

    def _subject_routes(self) -> tuple[Route, ...]:
        def route(
            method: str, path: str, act: Callable[[Call], Reply], *query: str, body: bool = False
        ) -> Route:
            fields = SCHEMA if body else None
            return Route(method, path, act, frozenset(query), fields, DOCS)

        one = "/subjects/{subject}"
        return (
            route("GET", "/v1/metadata/version", lambda _call: Reply(200, {"version": "7.9.2"})),
            route("GET", "/subjects", self._list, "limit", "offset"),
            route("GET", "/schemas", self._schemas, "latestOnly", "limit", "offset"),
            route("POST", one, self._lookup, "normalize", body=True),
            route("DELETE", one, self._delete, "permanent"),
            route("GET", f"{one}/versions", self._numbers, "deleted"),
            route("POST", f"{one}/versions", self._register, "normalize", body=True),
            route("GET", f"{one}/versions/{{version}}", self._version),
            route("GET", f"{one}/versions/{{version}}/referencedby", self._referenced),
            route("GET", "/schemas/ids/{id}/versions", self._used, "subject", "deleted"),
            route(
                "POST",
                "/compatibility/subjects/{subject}/versions",
                self._compatible,
                "verbose",
                body=True,
            ),
            route(
                "POST",
                "/compatibility/subjects/{subject}/versions/latest",
                self._compatible,
                "verbose",
                body=True,
            ),
        )

    def _setting_routes(self) -> tuple[Route, ...]:
        found = []
        for path, kept, given, told in (
            ("/config", self.levels, "compatibility", "compatibilityLevel"),
            ("/mode", self.modes, "mode", "mode"),
        ):
            fields, query = frozenset({given}), frozenset({"defaultToGlobal"})
            found += [
                Route("GET", path, _getting(kept, told), query, document=DOCS),
                Route("GET", f"{path}/{{subject}}", _getting(kept, told), query, document=DOCS),
                Route(
                    "PUT",
                    f"{path}/{{subject}}",
                    _setting(kept, given),
                    fields=fields,
                    document=DOCS,
                ),
                Route("DELETE", f"{path}/{{subject}}", _unsetting(kept), document=DOCS),
            ]
        return tuple(found)

    def _list(self, call: Call) -> Reply:
        start = int(call.query.get("offset", 0))
        return Reply(200, sorted(self.versions)[start : start + int(call.query.get("limit", 1000))])

    def _schemas(self, call: Call) -> Reply:
        """Of the default context: a `subjectPrefix` would have to name another one."""
        here = [(s, own) for s, own in sorted(self.versions.items()) if not context(s)]
        latest = call.query.get("latestOnly") == "true"
        found = [version for _, own in here for version in (own[-1:] if latest else own)]
        start = int(call.query.get("offset", 0))
        return Reply(200, found[start : start + int(call.query.get("limit", 1000))])

    def _missing(self, call: Call) -> Reply | None:
        if call.path["subject"] in self.versions:
            return None
        return refused(404, 40401, f"Subject '{call.path['subject']}' not found.")

    def _numbers(self, call: Call) -> Reply:
        subject = call.path["subject"]
        found = [v["version"] for s, v in self._stored(call) if s == subject]
        return Reply(200, sorted(found)) if found else self._missing(call) or Reply(200, [])

    def _stored(self, call: Call) -> list[tuple[str, dict[str, Any]]]:
        """Every version with its subject; with `deleted=true` those that are deleted softly too."""
        kept = [self.versions, *([self.gone] if call.query.get("deleted") == "true" else [])]
        return [(s, v) for each in kept for s, own in each.items() for v in own]

    def _version(self, call: Call) -> Reply:
        if told := self._missing(call):
            return told
        found = self.versions[call.path["subject"]]
        wanted = call.path["version"]
        match = (
            found[-1:] if wanted == "latest" else [v for v in found if str(v["version"]) == wanted]
        )
        return (
            Reply(200, match[0]) if match else refused(404, 40402, f"Version {wanted} not found.")
        )

    def _same(self, call: Call) -> dict[str, Any] | None:
        asked = (
            call.json["schema"],
            call.json.get("schemaType", "AVRO"),
            call.json.get("references") or [],
        )
        own = self.versions.get(call.path["subject"], [])
        return next(
            (v for v in own if (v["schema"], v["schemaType"], v["references"]) == asked), None
        )

    def _lookup(self, call: Call) -> Reply:
        if told := self._missing(call):
            return told
        found = self._same(call)
        return Reply(200, found) if found else refused(404, 40403, "Schema not found")

    def _told(self, call: Call) -> Reply | None:
        """What is wrong with a schema by itself: no JSON, or a reference that leads nowhere in its context."""
        try:
            json.loads(call.json["schema"])
        except ValueError:
            return refused(422, 42201, "Invalid schema")
        here = context(call.path["subject"])
        for reference in call.json.get("references") or ():
            there = self.versions.get(reference["subject"], [])
            same = context(reference["subject"]) == here
            if not same or reference["version"] not in [v["version"] for v in there]:
                return refused(
                    422, 42201, f'No schema reference found for subject "{reference["subject"]}"'
                )
        return None

    def _register(self, call: Call) -> Reply:
        subject = call.path["subject"]
        if told := self._told(call):
            return told
        if found := self._same(call):
            return Reply(200, {"id": found["id"]})
        if self.modes.get(subject, self.modes[""]) == "READONLY":
            return refused(422, 42205, f"Subject {subject} is in read-only mode")
        own = self.versions.setdefault(subject, [])
        before = self.gone.get(subject, [])
        used = [
            v["id"]
            for kept in (self.versions, self.gone)
            for s, all_ in kept.items()
            if context(s) == context(subject)
            for v in all_
        ]
        version = max((v["version"] for v in (*before, *own)), default=0) + 1
        made = {
            "subject": subject,
            "version": version,
            "id": max(used, default=0) + 1,
            "schema": call.json["schema"],
        }
        extra = {
            "schemaType": call.json.get("schemaType", "AVRO"),
            "references": call.json.get("references") or [],
        }
        own.append({**made, **extra})
        return Reply(200, {"id": made["id"]})

    def _compatible(self, call: Call) -> Reply:
        """Judged for records of Avro alone: a field that is new has to have a default."""
        if told := self._missing(call) or self._told(call):
            return told
        before = json.loads(self.versions[call.path["subject"]][-1]["schema"])
        known = {f["name"] for f in before.get("fields", ())}
        new = [
            f for f in json.loads(call.json["schema"]).get("fields", ()) if f["name"] not in known
        ]
        bad = [f["name"] for f in new if "default" not in f]
        level = self.levels.get(call.path["subject"], self.levels[""])
        fine = not bad or level == "NONE"
        return Reply(
            200,
            {
                "is_compatible": fine,
                "messages": [] if fine else [f"{n} has no default" for n in bad],
            },
        )

    def _referenced(self, call: Call) -> Reply:
        subject, version = call.path["subject"], int(call.path["version"])
        users = [
            v["id"]
            for own in self.versions.values()
            for v in own
            if any((r["subject"], r["version"]) == (subject, version) for r in v["references"])
        ]
        return Reply(200, sorted(set(users)))

    def _used(self, call: Call) -> Reply:
        """Without a context (`subject=:.eu:`) beside it an id is one of the default context."""
        id_ = int(call.path["id"])
        found = [
            {"subject": s, "version": v["version"]}
            for s, v in self._stored(call)
            if v["id"] == id_ and context(s) == call.query.get("subject", "")
        ]
        return Reply(200, found) if found else refused(404, 40403, "Schema not found")

    def _delete(self, call: Call) -> Reply:
        """Softly first; for good only what is deleted softly already."""
        subject = call.path["subject"]
        if call.query.get("permanent") == "true":
            if subject in self.versions:
                return refused(404, 40405, f"Subject '{subject}' was not deleted first")
            if subject not in self.gone:
                return refused(404, 40401, f"Subject '{subject}' not found.")
            return Reply(200, [v["version"] for v in self.gone.pop(subject)])
        if told := self._missing(call):
            return told
        gone = self.versions.pop(subject)
        self.gone.setdefault(subject, []).extend(gone)
        return Reply(200, [v["version"] for v in gone])


def _getting(kept: dict[str, str], told: str) -> Callable[[Call], Reply]:
    def get(call: Call) -> Reply:
        subject = call.path.get("subject", "")
        fallback = call.query.get("defaultToGlobal") == "true"
        value = kept.get(subject, kept[""] if fallback else None)
        return (
            Reply(200, {told: value})
            if value
            else refused(404, 40408, f"Subject '{subject}' has none of its own")
        )

    return get


def _setting(kept: dict[str, str], given: str) -> Callable[[Call], Reply]:
    def put(call: Call) -> Reply:
        kept[call.path["subject"]] = call.json[given]
        return Reply(200, call.json)

    return put


def _unsetting(kept: dict[str, str]) -> Callable[[Call], Reply]:
    def delete(call: Call) -> Reply:
        return Reply(200, kept.pop(call.path["subject"], None))

    return delete
