"""What a person wants of a new spec repository in, its files as text out. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import Json
from reconciler.spec.schema import folder
from reconciler.spec.writing import render

TEMPLATES = Path(__file__).parent / "templates"
LOGINS = ("none", "scram", "plain", "mtls")
# Where each file comes from; the rest is made of the answers.
ALWAYS = {
    ".vscode/settings.json": "settings.json",
    ".vscode/extensions.json": "extensions.json",
    ".editorconfig": "editorconfig",
    ".pre-commit-config.yaml": "pre-commit.yaml",
    ".gitignore": "gitignore",
    "README.md": "readme",
    "estate.yaml": "estate.yaml",
}
GITHUB = {
    ".github/workflows/plan.yml": "plan.yml",
    ".github/workflows/apply.yml": "apply.yml",
    ".github/workflows/drift.yml": "drift.yml",
}
WORKFLOWS = "| `.github/workflows/` | the plan on a pull request, the apply after the merge, drift every morning |\n"
NO_NAMES = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
STAGES = ("dev", "test", "qa", "staging", "stage", "preprod", "prod", "production", "sandbox")


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster as it is asked for. Addresses may be references; so are what the login needs, made of the name."""

    name: str
    bootstrap: tuple[str, ...]
    login: str = "none"
    registry: str = ""
    connect: str = ""

    @property
    def variables(self) -> list[str]:
        """The environment variables that its document refers to."""
        said = [*self.bootstrap, self.registry, self.connect]
        own = [text.removeprefix("env:") for text in said if text.startswith("env:")]
        return [
            *own,
            *(v.removeprefix("env:") for v in self.secrets.values() if v.startswith("env:")),
        ]

    @property
    def secrets(self) -> dict[str, str]:
        stem = re.sub(r"[^A-Z0-9]+", "_", self.name.upper()).strip("_")
        if self.login in ("scram", "plain"):
            return {
                "sasl.username": f"env:{stem}_USERNAME",
                "sasl.password": f"env:{stem}_PASSWORD",
            }
        if self.login == "mtls":
            return {
                "ssl.certificate.pem": f"env:{stem}_CERTIFICATE",
                "ssl.key.pem": f"env:{stem}_KEY",
            }
        return {}


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that is asked. `workflows` is OWNER/REPO@REF of the Action, empty for a repository without them."""

    estate: str
    clusters: tuple[NewCluster, ...]
    platform: str = "apache"
    owner: str = ""
    example: bool = True
    workflows: str = ""
    variables: tuple[str, ...] = field(default=())


def files(answers: Answers) -> dict[str, str]:
    """Every file by its path below the new folder."""
    words = _words(answers)
    found = {path: _filled(name, words) for path, name in ALWAYS.items()}
    for cluster in answers.clusters:
        found[f"clusters/{cluster.name}.yaml"] = render([_cluster(cluster, answers.platform)])
    if answers.example:
        # In a folder that is not read: an example is for looking at, and nobody's first plan.
        found["_examples/orders.yaml"] = _filled("orders.yaml", words)
    if answers.workflows:
        found |= {path: _filled(name, words) for path, name in GITHUB.items()}
    if answers.owner:
        found[".github/CODEOWNERS"] = _filled("codeowners", words)
    for schema in sorted(folder().glob("*.v1.json")):
        if schema.name.removesuffix(".v1.json") not in ("plan", "result", "drift", "snapshot"):
            found[f".kstate/schemas/{schema.name}"] = schema.read_text(encoding="utf-8")
    return found


def _words(answers: Answers) -> dict[str, str]:
    repository, _, ref = answers.workflows.partition("@")
    variables = list(dict.fromkeys(v for cluster in answers.clusters for v in cluster.variables))
    shown = "| `_examples/` | how a profile, a topic and an ACL look; move them out to have them read |\n"
    rows = shown if answers.example else ""
    rows += WORKFLOWS if answers.workflows else ""
    return {
        "estate": answers.estate,
        "team": answers.owner.rpartition("/")[2].removeprefix("@") or f"team-{answers.estate}",
        "owner": answers.owner,
        "first": answers.clusters[0].name,
        "clusters": ", ".join(cluster.name for cluster in answers.clusters),
        "rows": rows,
        "workflows": repository,
        "ref": ref,
        "pin": _pin(answers.workflows),
        "variables": ", ".join(variables) or "nothing is needed",
        # Spread over the hour by the name, so that not every estate is looked at in the same minute.
        "minute": str(7 + sum(answers.estate.encode()) % 50),
        "needs": "\n".join(_needs(variables, bool(answers.workflows))),
    }


def lookup(place: str) -> str:
    """The command whose last line begins with the commit of OWNER/REPO@TAG."""
    repository, _, tag = place.partition("@")
    return f"git ls-remote https://github.com/{repository} {tag} '{tag}^{{}}'"


def _pin(place: str) -> str:
    """What a workflow says above its pin."""
    if re.fullmatch(r"\S+@[0-9a-f]{40}", place):
        return "This commit and no other: what runs here runs with the logins."
    told = "A tag can be moved, and what it says runs with the logins. Pin its commit instead, the last of"
    return f"{told}\n      # {lookup(place)}"


def _needs(variables: list[str], workflows: bool) -> Iterator[str]:
    if workflows:
        yield "Two environments in the repository's settings: `plan`, whose login only reads, and `apply`, with the"
        yield "people who let it go on as required reviewers. In each, the secret `KSTATE_ENV` with these lines:"
        yield ""
        yield "```"
        yield from (f"{name}=..." for name in variables)
        yield "```"
        yield ""
        yield "`kstate doctor . --for plan` and `kstate doctor .` say which ACLs each login needs."
    else:
        yield "Nothing: there are none. `kstate init --help` says how to get them."


def _filled(name: str, words: Mapping[str, str]) -> str:
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    text = re.sub(r"@\{(\w+):text\}", lambda found: _scalar(words[found[1]]), text)
    return re.sub(r"@\{(\w+)\}", lambda found: words[found[1]], text)


def _scalar(name: str) -> str:
    """A name as YAML reads it back: in quotes where it would be a number, a truth or nothing."""
    bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", name) and name.lower() not in NO_NAMES
    return name if bare else f'"{name}"'


def _cluster(cluster: NewCluster, platform: str) -> Mapping[str, Json]:
    spec: dict[str, Json] = {"platform": platform, "bootstrap": list(cluster.bootstrap)}
    if kafka := _kafka(cluster):
        spec["kafka"] = kafka
    if cluster.registry:
        spec["registry"] = {"url": cluster.registry}
    if cluster.connect:
        spec["connect"] = [{"name": "main", "url": cluster.connect}]
    metadata: dict[str, Json] = {"name": cluster.name}
    if stage := next((s for s in STAGES if s in re.split(r"[._-]", cluster.name)), ""):
        metadata["labels"] = {"env": stage}
    return {"apiVersion": "kstate/v1", "kind": "Cluster", "metadata": metadata, "spec": spec}


def _kafka(cluster: NewCluster) -> dict[str, Json]:
    """librdkafka properties. TLS, unless it is a sandbox on this very machine."""
    local = all(
        entry.startswith(("127.0.0.1:", "localhost:", "[::1]:")) for entry in cluster.bootstrap
    )
    match cluster.login:
        case "scram" | "plain":
            mechanism = "PLAIN" if cluster.login == "plain" else "SCRAM-SHA-512"
            protocol = "SASL_PLAINTEXT" if local else "SASL_SSL"
            return {"security.protocol": protocol, "sasl.mechanism": mechanism, **cluster.secrets}
        case "mtls":
            return {"security.protocol": "SSL", **cluster.secrets}
        case _:
            return {}
