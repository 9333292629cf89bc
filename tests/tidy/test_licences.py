"""What agio links into one binary may be given away under Apache-2.0."""

import json
import re
import subprocess

import pytest

from tests.tidy.tree import ROOT

ALLOWED = {
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone; an exception (WITH) only ever permits more."""
    words = re.findall(r"[()]|[^\s()]+", re.sub(r" WITH \S+", "", expression.replace("/", " OR ")))
    python = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    return bool(eval(" ".join(python.get(word) or str(word in ALLOWED) for word in words)))


def test_crates() -> None:
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)["packages"]
    assert len(packages) > 6
    assert not [f"{p['name']}: {p['license']}" for p in packages if not is_allowed(p["license"] or "none")]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT OR Apache-2.0", True),
        ("MIT/Apache-2.0", True),
        ("MIT OR LGPL-2.1-or-later", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0", False),
        ("none", False),
    ],
)
def test_an_expression(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed
