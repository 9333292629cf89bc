"""The lock files: every package at one version with its hashes, and not a word about where it came from."""

import itertools
import re
import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement

from tests.tidy.tree import ROOT

Pins = dict[str, str]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each logical line of a requirements file, split into the requirement and its hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line)
            yield requirement.strip(), [h.strip() for h in hashes]


def faults(text: str) -> list[str]:
    found = [f"an address: {line}" for line in text.splitlines() if "://" in line or line.startswith("-")]
    for requirement, hashes in entries(text):
        if not re.match(r"[\w.\[\]-]+==[\w.+!-]+( ;|$)", requirement):
            found.append(f"not pinned: {requirement}")
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes):
            found.append(f"no sha256: {requirement}")
    return found


def pins(name: str) -> Pins:
    parsed = (Requirement(requirement) for requirement, _ in entries((ROOT / "requirements" / name).read_text()))
    return {normal(r.name): str(r.specifier).removeprefix("==") for r in parsed}


def declared() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by the lock file that has to answer it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {name: [r for r in group if isinstance(r, str)] for name, group in project["dependency-groups"].items()}
    runtime = project["project"]["dependencies"]
    wanted = {
        "runtime.txt": runtime,
        "build.txt": groups["build"],
        "dev.txt": [*runtime, *itertools.chain(*groups.values())],
    }
    return {name: [Requirement(r) for r in requirements] for name, requirements in wanted.items()}


def test_every_package_is_pinned_with_hashes() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        assert not faults(path.read_text()), path.name


def test_planted_faults_are_found() -> None:
    sha = "--hash=sha256:" + "0" * 64
    assert not faults(f"click==8.5.1 {sha}\n")
    assert faults("click==8.5.1\n")
    assert faults(f"click>=8 {sha}\n")
    assert faults(f"--index-url https://example.org\nclick==8.5.1 {sha}\n")


def test_the_locks_answer_pyproject() -> None:
    for name, wanted in declared().items():
        pinned = pins(name)
        stale = [str(r) for r in wanted if not r.specifier.contains(pinned.get(normal(r.name), "0"), prereleases=True)]
        assert not stale, f"requirements/{name} is older than pyproject.toml: make lock"


def test_development_tests_what_users_run() -> None:
    everything = pins("dev.txt")
    assert everything.items() >= pins("runtime.txt").items()
    assert everything.items() >= pins("build.txt").items()


def test_cargo_lock() -> None:
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    foreign = [p for p in packages if not p["name"].startswith("agio-")]
    assert foreign
    assert not [p["name"] for p in foreign if "checksum" not in p or "crates.io-index" not in p["source"]]
