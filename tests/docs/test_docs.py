"""The documents against the program: every `entx` command line that they show exists with its options; every link leads
somewhere; every command is documented."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main

import entx
from entx.cli.main import app

ROOT = Path(entx.__file__).parent.parent
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [*GUIDES, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "history").glob("*.md"))]
RECIPES = sorted((ROOT / "entx" / "recipes").glob("*.toml"))

SHOWN = re.compile(r"^(?:#? +)?(?:\$ |\S*/|.* -m )?entx (?P<line>[a-z][a-z-]* .*|[a-z][a-z-]*$)", re.MULTILINE)
INLINE = re.compile(r"`(?:[^`\n]* -m )?entx\s(?P<line>[a-z][^`]*)`")
END = {"|", ">", ">>", "&&", ";"}


def commands() -> Iterator[tuple[str, str, bool]]:
    """Document, command line without `entx`, and whether it is shown whole: in a block, not within a sentence."""
    for path in [*GUIDES, *RECIPES]:
        text, name = path.read_text(encoding="utf-8"), path.name
        for block in [text] if path.suffix == ".toml" else re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S):
            yield from ((name, found["line"], True) for found in SHOWN.finditer(block.replace("\\\n", " ")))
        if path.suffix == ".md":
            yield from (
                (name, found["line"], False) for found in INLINE.finditer(re.sub(r"```.*?```", "", text, flags=re.S))
            )


@pytest.mark.parametrize(("document", "line", "whole"), sorted(set(commands())))
def test_a_command_that_is_shown_exists_with_its_options(document: str, line: str, whole: bool) -> None:
    words = shlex.split(line, comments=True)
    words = words[: next((place for place, word in enumerate(words) if word in END), len(words))]
    command: Any = typer.main.get_command(app)
    while isinstance(command, typer.core.TyperGroup) and words:
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options, rest, _ = command.make_parser(typer.Context(command)).parse_args(words)
    assert not rest, f"{rest} are too many"
    for parameter in command.params if whole else []:
        assert not parameter.required or options.get(parameter.name or ""), f"{parameter.name} is missing"


def test_each_command_is_named_in_the_readme() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    named = set(re.findall(r"`entx ([a-z-]+)", GUIDES[0].read_text(encoding="utf-8")))
    assert set(group.commands) <= named


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text(encoding="utf-8")
    ):
        path = (document.parent / target).resolve() if target else document
        assert path.is_file(), f"{document.name} links to {target}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
