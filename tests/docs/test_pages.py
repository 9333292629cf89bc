"""What pages name exists: files, jobs of the Makefile, commands of agio and their options."""

import re
from collections.abc import Iterator

import click
import pytest

from agio.cli import main
from tests.tidy.tree import ROOT, files, select

PAGES = select(r"(?!docs/decisions/template\.md).*\.md")
TOP = ("benches/", "docs/", "rust/", "src/", "tests/", ".ci/")
JOBS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def quoted(text: str) -> Iterator[str]:
    """What stands between backticks, and the lines of console blocks."""
    yield from re.findall(r"`([^`\n]+)`", text)
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*?)(?: +#.*)?$", block, re.MULTILINE)


def unknown_words(line: str) -> list[str]:
    """Of a command line of agio: a command that there is not, or options that the command does not take."""
    found: click.Command = main
    context = click.Context(main)
    words = re.sub(r'"[^"]*"', "x", line).split()[1:]
    for at, word in enumerate(words):
        if not isinstance(found, click.Group) or word.startswith("-"):
            break
        found, words[at] = found.get_command(context, word) or click.Command(None), "x"
        if found.name is None:
            return [word]
    known = {name for param in found.params for name in (*param.opts, *param.secondary_opts)}
    return [word for word in words if word.startswith("--") and word not in known | {"--help", "--version"}]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)\)", PAGES[page])
    assert not [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]


def test_files_exist() -> None:
    named = {
        (page, name)
        for page, text in PAGES.items()
        for name in quoted(text)
        if name.startswith(TOP) and re.fullmatch(r"[\w./*-]+", name)
    }
    known = set(files())
    assert len(named) > 50
    assert not [
        (page, name)
        for page, name in named
        if not (any(ROOT.glob(name)) if "*" in name else name in known or (ROOT / name).is_dir())
    ]


def test_jobs_exist() -> None:
    named = {job for text in PAGES.values() for code in quoted(text) for job in re.findall(r"^make ([a-z-]+)", code)}
    assert {"run", "test", "bench", "soak"} <= named <= JOBS


def test_commands_exist() -> None:
    lines = {(page, code) for page, text in PAGES.items() for code in quoted(text) if re.match(r"agio [a-z-]", code)}
    assert len(lines) > 30
    assert not {(page, code): words for page, code in lines if (words := unknown_words(code))}
    assert unknown_words("agio market close BTCEUR") == ["close"]
    assert unknown_words('agio market status BTCEUR HALT --reason "a --b" --because') == ["--because"]
    assert not unknown_words("agio --version")
