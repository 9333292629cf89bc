"""All mutants of a sample in one build: each function that has some asks, when it is called, which one is on.

Compiling is what judging a mutant costs: a minute for each, seconds for its tests. So a body `{ … }` with the mutants 7
and 8 becomes `{ if mutant::is(7) { … } else if mutant::is(8) { … } else { … } }`, and `AGIO_MUTANT=7` chooses. What
cannot be switched at run time (constants, `const fn`, `-> impl`) is left to a build of its own.
"""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

SWITCH = """
#[doc(hidden)]
#[allow(missing_docs)]
pub mod mutant {
    pub fn is(number: u32) -> bool {
        static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        *CHOSEN.get_or_init(|| std::env::var("AGIO_MUTANT").map_or(0, |text| text.parse().expect("a number"))) == number
    }
}
"""
Mutant = dict[str, Any]
Span = tuple[int, int]


def body(text: str, mutant: Mutant) -> Span | None:
    """Where the body of the mutant's function stands in its file; none if it cannot ask which mutant is on."""
    if mutant["function"] is None:
        return None
    span = mutant["function"]["span"]
    start, end = (place(text, span[edge]) for edge in ("start", "end"))
    head = re.search(r"^[^/\n]*\bfn\b[^{]*", text[start:end], re.MULTILINE)
    if head is None or re.search(r"\bconst fn\b|-> *impl\b", head[0]):
        return None
    first = start + head.end()
    inside = place(text, mutant["span"]["start"]) >= first
    return (first, end) if inside else None


def place(text: str, at: dict[str, int]) -> int:
    """The offset of a line and column."""
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: at["line"] - 1])) + at["column"] - 1


def patched(copy: Path, mutant: Mutant) -> str:
    """The whole file with the mutant in it."""
    command = ["patch", "--quiet", "-p0", "-o", "-"]
    diff: str = mutant["diff"]
    return subprocess.run(command, cwd=copy, input=diff, check=True, capture_output=True, text=True).stdout


def switch(copy: Path, mutants: dict[int, Mutant]) -> set[int]:
    """Writes all mutants into a clean copy of the tree; answers which cannot be switched."""
    apart: set[int] = set()
    files = defaultdict[str, dict[Span, list[int]]](lambda: defaultdict(list))
    for number, mutant in mutants.items():
        span = body((copy / mutant["file"]).read_text(), mutant)
        taken = [] if span is None else [other for other in files[mutant["file"]] if overlap(span, other)]
        if span is None or taken:
            apart.add(number)
        else:
            files[mutant["file"]][span].append(number)
    for name, spans in files.items():
        text = (copy / name).read_text()
        bodies = {
            number: patched(copy, mutants[number])[span[0] :][: span[1] - span[0] + grown(copy, mutants[number])]
            for span, numbers in spans.items()
            for number in numbers
        }
        for (start, end), numbers in sorted(spans.items(), reverse=True):
            arms = "".join(f"if crate::mutant::is({n})\n//<{n}\n{bodies[n]}\n//>{n}\nelse " for n in numbers)
            text = f"{text[:start]}{{ {arms}{text[start:end]} }}{text[end:]}"
        (copy / name).write_text(text)
    for library in {Path(mutant["file"]).parts[:3] for mutant in mutants.values()}:
        with (copy / Path(*library) / "lib.rs").open("a") as out:
            out.write(SWITCH)
    return apart


def overlap(one: Span, other: Span) -> bool:
    """Whether one function stands inside the other."""
    return one != other and one[0] < other[1] and other[0] < one[1]


def grown(copy: Path, mutant: Mutant) -> int:
    """By how much a mutant makes its file longer."""
    return len(patched(copy, mutant)) - len((copy / mutant["file"]).read_text())


def blamed(copy: Path, messages: list[Any]) -> set[int]:
    """The mutants in whose text the compiler finds errors."""
    found: set[int] = set()
    for message in messages:
        if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
            continue
        for span in message["message"]["spans"]:
            lines = (copy / span["file_name"]).read_text().splitlines()[: span["line_start"]]
            marks = [re.fullmatch(r"//([<>])(\d+)", line) for line in lines]
            last = next((mark for mark in reversed(marks) if mark), None)
            if last and last[1] == "<":
                found.add(int(last[2]))
    return found
