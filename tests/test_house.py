"""The house itself: how large it is, that each file is one room, and that every room and name is reached by a command.

What no command and no name of the front door reaches is not in the package.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import entx

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "entx"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

MOST_FILES, MOST_LINES = 117, 28_150  # 26,000 after the redesign; reading 300 net, real model arms 850, `entx run` 950
LEAST_IN_A_FILE, MOST_IN_A_FILE = 60, 600


def lines_of(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def entry_points() -> Iterator[str]:
    """The objects that pyproject.toml names: "entx.cli.app:main"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    yield from project["scripts"].values()
    for group in project["entry-points"].values():
        yield from group.values()


def test_the_package_keeps_its_size() -> None:
    assert len(FILES) <= MOST_FILES
    assert sum(map(lines_of, FILES)) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_file_is_neither_a_scrap_nor_a_warehouse(path: Path) -> None:
    assert lines_of(path) <= MOST_IN_A_FILE
    if path.name not in ("__init__.py", "__main__.py"):
        assert lines_of(path) >= LEAST_IN_A_FILE


def test_no_file_of_a_layer_has_the_name_of_another() -> None:
    names = Counter((path.relative_to(PACKAGE).parts[0], path.name) for path in FILES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


def test_every_module_is_imported_by_a_command_or_by_the_front_door() -> None:
    modules = {module_of(path): tree for path, tree in TREES.items()}
    reached, new = set(), ["entx", "entx.__main__", *(point.partition(":")[0] for point in entry_points())]
    while new:
        name = new.pop()
        if name not in modules or name in reached:
            continue
        reached.add(name)
        new.append(name.rpartition(".")[0])
        for node in ast.walk(modules[name]):
            if isinstance(node, ast.ImportFrom) and node.module:
                new += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                new += [alias.name for alias in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("entx."):
                new.append(node.value.partition(":")[0])  # a built-in plug-in, or a name of the front door
    assert sorted(set(modules) - reached) == []


def uses(tree: ast.AST) -> Counter[str]:
    """How often each name is used in a tree: read, reached into, imported, or named in a string that is one word."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found[node.id] += 1
        elif isinstance(node, ast.Attribute):
            found[node.attr] += 1
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            found[node.arg] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found[node.value.rpartition(":")[2]] += 1
    return found


def registered(node: ast.stmt) -> bool:
    """A command, a validator, a property setter: something that its decorator calls."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and any(
        isinstance(one, ast.Call) or "validator" in ast.unparse(one) or "serializer" in ast.unparse(one)
        for one in node.decorator_list
        if not ast.unparse(one).startswith(("dataclass", "lru_cache", "contextmanager", "total_ordering"))
    )


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Functions, classes and their methods; what a library calls by name (dunders, its own hooks) is not meant."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            foreign = [base for base in map(ast.unparse, node.bases) if base.split(".")[-1] in HOOKED]
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("__") and not foreign:
                    yield method.name, method


HOOKED = {
    "BaseModel", "SFTTrainer", "TrainerCallback", "LogitsProcessor", "HTTPConnection", "HTTPConnectionPool",
    "HTTPSConnectionPool", "socket", "SSLSocket", "LayoutError", "TyperCommand", "ConversionOps",
    "Module", "GenerationMixin",
}  # fmt: skip
"""Bases from libraries that call a method by its name."""


def test_every_definition_is_used_in_the_package() -> None:
    used: Counter[str] = Counter(point.rpartition(":")[2] for point in entry_points())
    used.update([*entx.__all__, *dir(entx.Extractor), *dir(entx.Store)])
    for tree in TREES.values():
        used += uses(tree)
    for template in PACKAGE.rglob("*.html"):
        used.update(re.findall(r"\w+", template.read_text(encoding="utf-8")))
    unused = []
    for path, tree in TREES.items():
        for name, node in definitions(tree):
            inside = uses(node)[name]  # its own recursion is no use
            if used[name] - inside <= 0 and not registered(node):
                unused.append(f"{module_of(path)}:{node.lineno} {name}")
    assert unused == []
