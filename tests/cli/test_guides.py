"""The pages' commands: those of the operator's guide are run as they stand, all others exist."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agio.cli import main
from tests.bad_days.client import monitored
from tests.exchange import AGIO, running
from tests.tidy.tree import ROOT

PAGES = sorted([*(ROOT / "docs" / "guides").glob("*.md"), *(ROOT / "docs" / "runbooks").glob("*.md")])
EVERY = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "rust").glob("*/README.md")])
GUIDE = (ROOT / "docs" / "guides" / "operate.md").read_text()


def blocks(language: str, text: str = GUIDE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Those of the operator's guide, in order."""
    lines = "".join(blocks("console")).splitlines()
    return [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def here(words: list[str], folder: Path) -> list[str]:
    """A command of the guide with the folders of a test."""
    places = {"/srv/agio": str(folder / "data"), "/mnt/backup": str(folder / "backup")}
    told = [re.sub("|".join(places), lambda found: places[found[0]], word) for word in words]
    if told[0] != "agio":
        return told
    return [str(AGIO), *told[1:], *(() if "--data" in told else ("--data", places["/srv/agio"]))]


def test_the_operators_guide_works_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "markets.toml").write_text(blocks("toml")[0])
    began, *rest = commands()
    assert began[:2] == ["agio", "serve"]
    (tmp_path / "backup").mkdir()
    with running(tmp_path / "data", program="serve", environment={"AGIO_MASTER_KEY_FILE": str(tmp_path / "key")}):
        for words in rest:
            done = subprocess.run(here(words, tmp_path), cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert len(rest) > 10
    with running(
        tmp_path / "backup", program="serve", environment={"AGIO_MASTER_KEY_FILE": str(tmp_path / "key")}
    ) as restored:
        shown = subprocess.run([AGIO, "account", "show", "alice", "--data", restored.folder], capture_output=True)
        assert b"1000.00000000" in shown.stdout


def test_every_metric_that_a_page_names_is_told(tmp_path: Path) -> None:
    named = {name for page in PAGES for name in re.findall(r"agio_[a-z_]+[a-z]", page.read_text())}
    key = {"AGIO_MASTER_KEY_FILE": str(tmp_path / "key")}
    with running(tmp_path / "data", program="serve", environment=key) as exchange:
        _, page = monitored(exchange, "/metrics")
    families = list(text_string_to_metric_families(page))
    told = {sample.name for family in families for sample in family.samples}
    assert named
    assert named <= told
    assert {family.type for family in families} == {"counter", "gauge", "histogram"}
    assert all(family.documentation.endswith(".") for family in families)


def mentioned(page: Path) -> list[list[str]]:
    """Each `agio …` in backticks or consoles, as words."""
    text = " ".join(page.read_text().split())
    return [found.split() for found in re.findall(r"[`$] ?(agio [a-z][^`$#]*)", text)]


def exists(words: list[str]) -> bool:
    """Whether the command line has such a command, with such options."""
    command: click.Command = main
    context = click.Context(command)
    for word in words[1:]:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        if found is None:
            return False
        command = found
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return {word for word in words if word.startswith("--")} <= options | {"--help"}


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    assert not [words for words in mentioned(page) if not exists(words)]


def test_a_planted_command_is_found() -> None:
    assert exists(["agio", "clock", "confirm", "--reason"])
    assert not exists(["agio", "clock", "stop"])
    assert not exists(["agio", "user", "add", "--color"])
