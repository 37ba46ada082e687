"""What the docs site adds to the pages of this folder while it is built: a page a verb, a code and an error.

In: the command line, the codes and the errors themselves. Out: virtual pages; and links that lead out of this folder
made to lead to the repository.
"""

from __future__ import annotations

import inspect
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler import errors
from reconciler.cli.explain import codes
from reconciler.cli.main import build
from reconciler.core.model import Code, Level, Risk

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages of this folder and the generated ones."""
    from mkdocs.structure.files import File

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder in the menu of mkdocs.yml stands for all its generated pages, their index first."""
    pages = sorted(generated(), key=lambda page: (not page.endswith("/index.md"), page))
    config.nav = [_expanded(entry, pages) for entry in config.nav or []]
    return config


def _expanded(entry: Any, pages: list[str]) -> Any:
    if isinstance(entry, dict):
        [(title, inner)] = entry.items()
        if isinstance(inner, str) and inner.endswith("/"):
            own = [page for page in pages if page.startswith(inner)]
            # Codes have a page of their own in this folder, which is their index.
            index = [inner.rstrip("/") + ".md"] if inner == "codes/" else []
            return {title: [*index, *own]}
    return entry


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # MkDocs gives it by name
    """Links out of this folder lead to the repository; all others stay as they are."""
    folder = posixpath.dirname(page.file.src_uri)

    def rewritten(found: re.Match[str]) -> str:
        path, _, anchor = found[1].partition("#")
        whole = posixpath.normpath(posixpath.join("docs", folder, path))
        if whole.startswith("docs/"):
            return found[0]
        where = f"{config.repo_url.rstrip('/')}/blob/main/{whole}"
        return f"]({where}{'#' + anchor if anchor else ''})"

    return LINK.sub(rewritten, markdown)


def generated() -> dict[str, str]:
    """Every generated page by its path."""
    return {**dict(_verbs()), **dict(_codes()), **dict(_errors())}


# --- verbs


def _verbs() -> Iterator[tuple[str, str]]:
    from typer.main import get_command

    root: Any = get_command(build())
    rows = ["# Verbs", "", "| verb | does |", "|---|---|"]
    for name, command in sorted(root.commands.items()):
        rows.append(f"| [`kstate {name}`]({name}.md) | {_first_line(command.help)} |")
        yield f"verbs/{name}.md", _verb(f"kstate {name}", command)
    yield "verbs/index.md", "\n".join([*rows, ""])


def _verb(name: str, command: Any, depth: int = 1) -> str:
    lines = [f"{'#' * depth} {name}", "", inspect.cleandoc(command.help or ""), ""]
    for inner, own in sorted(getattr(command, "commands", {}).items()):
        lines.append(_verb(f"{name} {inner}", own, depth + 1))
    lines += list(_parameters(command))
    return "\n".join(lines) + "\n"


def _parameters(command: Any) -> Iterator[str]:
    shown = [p for p in command.params if getattr(p, "help", None) and not getattr(p, "hidden", 0)]
    if shown:
        yield from ("| argument or option | says |", "|---|---|")
    for parameter in shown:
        named = getattr(parameter, "opts", [])
        names = ", ".join(named) if named and named[0].startswith("-") else parameter.metavar
        metavar = parameter.metavar if names != parameter.metavar and parameter.metavar else ""
        yield f"| `{names}{' ' + metavar if metavar else ''}` | {_cell(parameter.help)} |"


def _first_line(text: str | None) -> str:
    return _cell((text or "").strip().splitlines()[0] if text else "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- codes


def _codes() -> Iterator[tuple[str, str]]:
    return ((f"codes/{name}.md", _code(code)) for name, code in codes().items())


def _code(code: Code) -> str:
    level = Risk(code.code, "").level
    lines = [f"# {code.code}: {code.title}", "", code.text, ""]
    lines += [f"**Undoing it.** {code.undo}", ""] if code.undo else []
    if level in (Level.DANGER, Level.LIMIT):
        way = f"`--approve {code.code}`, or for one resource `--approve {code.code}:KEY`"
        lines += [f"**It blocks** `kstate apply` (exit code 3) until approved: {way}.", ""]
    elif level is Level.IMPOSSIBLE:
        lines += ["**It cannot be approved**: the plan has to change first (exit code 3).", ""]
    else:
        lines += ["It is said, and blocks nothing.", ""]
    return "\n".join(lines)


# --- errors


def _errors() -> Iterator[tuple[str, str]]:
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.KstateError)
    ]
    rows = [
        "# Errors",
        "",
        "Every way kstate refuses to go on, with the exit code it ends with.",
        "",
    ]
    rows += ["```text", tree, "```", "", "| error | exit code | means |", "|---|---|---|"]
    for kind in kinds:
        means = _first_line(kind.__doc__)
        rows.append(f"| [{kind.__name__}]({kind.__name__}.md) | {kind.exit_code} | {means} |")
        yield f"errors/{kind.__name__}.md", _error(kind)
    yield "errors/index.md", "\n".join([*rows, ""])


def _error(kind: type[errors.KstateError]) -> str:
    text = inspect.cleandoc(kind.__doc__ or "")
    parent = kind.__mro__[1].__name__
    of = f" It is one of [{parent}]({parent}.md)." if parent != "Exception" else ""
    return f"# {kind.__name__}\n\n{text}\n\nThe process ends with exit code {kind.exit_code}.{of}\n"
