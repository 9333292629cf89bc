"""`agio sim` as its users see it."""

import json

from click.testing import CliRunner

from agio.cli import main


def sim(*words: str) -> str:
    done = CliRunner().invoke(main, ["sim", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_figures_of_a_few_seeds() -> None:
    said = sim("--seeds", "2", "--lives", "3", "--requests", "100", "--places")
    assert "commands audited" in said
    assert "recoveries a CPU second" in said
    assert "sync segment" in said


def test_one_seed_for_programs() -> None:
    said = sim("--seed", "9", "--lives", "2", "--without", "clock", "--without", "full", "--json")
    (run,) = json.loads(said.splitlines()[-1])["runs"]
    assert run["again"] == "agio sim --seed 9 --lives 2 --without full --without clock"
    assert run["finding"] is None


def test_an_unknown_kind_of_trouble_is_told() -> None:
    done = CliRunner().invoke(main, ["sim", "--seed", "1", "--without", "rain"])
    assert done.exit_code == 1
    assert "rain" in done.output
    assert "crash" in sim("--kinds")
