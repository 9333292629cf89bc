"""The decisions are numbered without gaps, complete, and listed."""

import re

from tests.tidy.tree import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


def test_numbers_are_dense() -> None:
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_each_has_its_sections_on_one_page() -> None:
    for path in RECORDS:
        text = path.read_text()
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        assert text.count("\n") <= 50, path.name


def test_the_index_says_what_the_records_say() -> None:
    listed = re.findall(r"^\| \[(\d+)\]\((.*)\) \| (.*) \| (.*) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    written = []
    for path in RECORDS:
        title, status = re.findall(r"^(?:# \d+\. |Status: )(.*)$", path.read_text(), re.MULTILINE)
        written.append((path.name[:4], path.name, title, status))
    assert listed == written
