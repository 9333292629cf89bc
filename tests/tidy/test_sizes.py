"""Rooms stay small. Rust's functions are measured by clippy (`too-many-lines-threshold` in clippy.toml)."""

import ast
from collections.abc import Iterator

from tests.tidy.tree import select, without_tests

PYTHON_LINES = 500
RUST_LINES = 700
FUNCTION_LINES = 60
RUST_WITHOUT_TESTS = r"rust/\w+/(src|examples|benches)/(?!.*tests(\.rs|/)).*\.rs"


def long_functions(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES}"


def test_python_files() -> None:
    assert not [f"{path}: {n}" for path, text in select(r".*\.py").items() if (n := text.count("\n")) >= PYTHON_LINES]


def test_rust_files() -> None:
    sizes = {path: without_tests(text).count("\n") for path, text in select(RUST_WITHOUT_TESTS).items()}
    assert sizes
    assert not [f"{path}: {n}" for path, n in sizes.items() if n >= RUST_LINES]


def test_python_functions() -> None:
    assert not [f"{path}:{line}" for path, text in select(r".*\.py").items() for line in long_functions(text)]


def test_a_planted_function_is_found() -> None:
    assert not list(long_functions("def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)))
    assert list(long_functions("def f():\n" + "    x = 1\n" * FUNCTION_LINES))


def test_inline_tests_do_not_count() -> None:
    assert without_tests("fn a() {}\n#[cfg(test)]\nmod tests {\n}\n") == "fn a() {}\n"
    assert without_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n").count("\n") == 3
