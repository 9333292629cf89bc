"""The repository as the tidy tests see it: every file that is tracked or could be, and Python's and Rust's text."""

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_INLINE_TESTS = re.compile(r"^#\[cfg\(test\)\]\s*\nmod \w+ \{", re.MULTILINE)
_RUST_NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)


@cache
def files() -> tuple[str, ...]:
    """Paths of all files, tracked or new, that git would not ignore; relative to the root, sorted."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = sorted(set(listing.stdout.decode().split("\0")) - {""})
    return tuple(name for name in names if (ROOT / name).is_file())


def select(pattern: str) -> dict[str, str]:
    """Path and text of each file whose whole path matches the regular expression."""
    return {name: (ROOT / name).read_text() for name in files() if re.fullmatch(pattern, name)}


def without_tests(rust: str) -> str:
    """A Rust file up to its inline test module, which by convention is its end."""
    found = _INLINE_TESTS.search(rust)
    return rust[: found.start()] if found else rust


def code_only(rust: str) -> str:
    """Rust without comments, strings and inline tests; line numbers stay."""
    return _RUST_NOISE.sub(lambda noise: "\n" * noise[0].count("\n"), without_tests(rust))
