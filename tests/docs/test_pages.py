"""What pages name exists: files, and jobs of the Makefile. For commands of agio see tests/cli/test_guides.py."""

import re
from collections.abc import Iterator

import pytest

from tests.tidy.tree import ROOT, files, select

PAGES = select(r"(?!docs/decisions/template\.md).*\.md")
TOP = ("benches/", "docs/", "rust/", "src/", "tests/", ".ci/")
JOBS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def quoted(text: str) -> Iterator[str]:
    """What stands between backticks, and the lines of console blocks."""
    yield from re.findall(r"`([^`\n]+)`", text)
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ (.*?)(?: +#.*)?$", block, re.MULTILINE)


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
