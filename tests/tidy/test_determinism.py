"""The book and the engine are pure: no clock, floats, threads, I/O, randomness or order of a hash map.

This scan is fast and coarse. `make check` also runs clippy over both libraries with `.ci/deterministic/clippy.toml`,
which resolves names and knows the types.
"""

import re

import pytest

from tests.tidy.tree import code_only, select

PURE = r"rust/(book|engine)/src/(?!.*tests(\.rs|/)).*\.rs"

BANNED = {
    r"\bf(32|64)\b": "money is integers at 10^-8",
    r"\b(std|core)::time\b|\bInstant\b|\bSystemTime\b": "time is an argument: the log's",
    r"\bstd::thread\b|\bthread_local!|\brayon\b|\btokio\b": "the engine has one thread",
    r"\bstd::(fs|net|io|env|process)\b": "the engine has no I/O",
    r"\bstd::collections::(\{[^}]*)?Hash(Map|Set)\b|\bRandomState\b": "seeded at random: use FxHashMap",
    r"\b(rand|fastrand|getrandom|uuid|chrono)::": "the same commands give the same bytes",
    r"\b(println|eprintln|print|eprint|dbg)!": "what happened is an event",
    r"\bstatic\s+mut\b|\bOnce(Lock|Cell)\b|\bLazy(Lock|Cell)\b|\bAtomic\w+\b": "state belongs to the engine",
}

_MAP = re.compile(r"\b(\w+)\s*(?::\s*&?(?:mut\s+)?|=\s*)FxHash(?:Map|Set)\b")
_WALK = (
    r"\b{0}\s*\.(iter|iter_mut|keys|into_keys|values|values_mut|into_values|into_iter|drain|retain)\("
    r"|\bin\s+&?(mut\s+)?([\w.]+\.)?{0}\b\s*\{{"
)


def findings(path: str, rust: str) -> list[str]:
    code = code_only(rust)
    walks = {_WALK.format(name): f"{name} is a hash map: its order is not defined" for name in _MAP.findall(code)}
    return [
        f"{path}:{code.count(chr(10), 0, hit.start()) + 1}: {hit[0]}: {why}"
        for pattern, why in (BANNED | walks).items()
        for hit in re.finditer(pattern, code)
    ]


def test_the_book_and_the_engine_are_pure() -> None:
    sources = select(PURE)
    assert len(sources) > 2
    assert not [found for path, text in sources.items() for found in findings(path, text)]


@pytest.mark.parametrize(
    "planted",
    [
        "fn f(x: u64) -> f64 { x as f64 }",
        "use std::time::Instant;",
        "use std::collections::{BTreeMap, HashMap};",
        "std::thread::spawn(|| ());",
        "use std::fs::File;",
        'println!("{x}");',
        "let n = rand::random::<u64>();",
        "static mut COUNT: u64 = 0;",
        "struct S { by_id: FxHashMap<u64, u64> }\nfn f(s: &S) { for x in s.by_id.values() {} }",
        "struct S { by_id: FxHashMap<u64, u64> }\nfn f(s: &S) { for (k, v) in &s.by_id { } }",
        "let mut seen = FxHashSet::default();\nseen.retain(|x| x > 1);",
    ],
)
def test_a_planted_impurity_is_found(planted: str) -> None:
    assert findings("planted.rs", planted)


@pytest.mark.parametrize(
    "lawful",
    [
        "// f64 would be wrong here\nlet price: u64 = 1;",
        'let text = "println!";',
        "use std::collections::{BTreeMap, VecDeque};",
        "struct S { by_id: FxHashMap<u64, u64> }\nfn f(s: &S) -> Option<&u64> { s.by_id.get(&1) }",
        "#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
    ],
)
def test_a_lawful_line_is_not(lawful: str) -> None:
    assert not findings("lawful.rs", lawful)
