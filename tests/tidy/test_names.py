"""Names and places: whose words stand where, and what belongs in no file at all."""

import re

import pytest

from tests.tidy.tree import ROOT, files, select

# What a stranger finds at the root, and nothing else.
FOLDERS = {".ci", ".github", "benches", "deploy", "docs", "requirements", "rust", "src", "tests", "web"}
PAGES = {"ARCHITECTURE.md", "CHANGELOG.md", "COMPATIBILITY.md", "LICENSE", "README.md", "SECURITY.md", "STYLE.md"}
SETTINGS = {".gitattributes", ".gitignore", "Cargo.lock", "Cargo.toml", "Makefile", "pyproject.toml"}
TOP = FOLDERS | PAGES | SETTINGS | {"clippy.toml", "rustfmt.toml"}

SHAPELESS = re.compile(r"(^|/)(utils?|helpers?|common|misc|stuff|base)(\.py|\.rs|/)")

# Binance's product prefixes are its wire names: rows of the gateway, and the codec that serves them.
WIRE_NAMES = re.compile(r"(?<![a-z])(fapi|sapi|dapi)(?![a-z])", re.IGNORECASE)
WIRE_ROOMS = re.compile(r"src/agio/gateway/|rust/edge/")

_HOME = "(?:work|root|farm|home/[a-z]\\w*|Users/\\w+)"
FORBIDDEN = {
    rf"(?<![\w.])/{_HOME}/[\w.-]": "a path of one machine",
    r"(?<![\w.])/tmp/[\w.-]": "a path of one machine: take a temporary folder",
    r"--(extra-)?index-url|--find-links|\bfiles\.pythonhosted\b|\b(index|static)\.crates\.io\b|artifactory": (
        "where packages came from"
    ),
    r"\b(TODO|FIXME|XXX)\b": "do it, or write down in docs/decisions why not",
    r"(?m)^(<{7} |>{7} |\|{7} |={7}$)": "a merge that was not finished",
}
# What these rules are made of, and the resolver's own switches.
EXEMPT = {"tests/tidy/test_names.py", "tests/tidy/test_locks.py", "Makefile"}


def forbidden(path: str, text: str) -> list[str]:
    return [
        f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}: {why}"
        for pattern, why in FORBIDDEN.items()
        for hit in re.finditer(pattern, text)
    ]


def read(path: str) -> str:
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""


def test_nothing_forbidden_in_any_file() -> None:
    assert not [found for path in files() if path not in EXEMPT for found in forbidden(path, read(path))]


@pytest.mark.parametrize(
    "planted",
    [
        "/".join(("cd ", "work", "main")),
        "/home/ann/agio",
        "/".join(('"', "root", '.cargo"')),
        "--index-url x",
        "# TODO later",
        "a line\n" + "<" * 7 + " HEAD",
    ],
)
def test_a_planted_leak_is_found(planted: str) -> None:
    assert forbidden("planted", planted)


@pytest.mark.parametrize(
    "lawful", ["the network/root/node", "src/work/x", "AGIO_DATA=../shared/data", "https://x.y/home/"]
)
def test_a_lawful_path_is_not(lawful: str) -> None:
    assert not forbidden("lawful", lawful)


def test_the_top_of_the_house() -> None:
    assert not sorted({path.split("/")[0] for path in files()} - TOP)


def test_every_file_has_a_subject() -> None:
    # `tests/common/` is Cargo's own name for what a crate's test files share.
    assert not [path for path in files() if SHAPELESS.search(path) and "/tests/common/" not in path]
    assert SHAPELESS.search("src/agio/wire/utils.py")


def test_wire_names_stay_at_the_edge() -> None:
    sources = select(r"(src/agio|rust)/.*\.(py|rs)")
    assert not [path for path, text in sources.items() if not WIRE_ROOMS.match(path) and WIRE_NAMES.search(text)]
    assert WIRE_NAMES.search("'/sapi/v1/asset'")
    assert not WIRE_NAMES.search("leapfapis")


def test_an_ignored_rust_test_says_why() -> None:
    sources = select(r"rust/.*\.rs")
    assert not [path for path, text in sources.items() if re.search(r"#\[ignore\]|#\[ignore = \"(?!soak: )", text)]
