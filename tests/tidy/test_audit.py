"""The audit reads its tools' reports as they are meant: not found is not checked, and a finding fails."""

from tests.tidy.audit import judge_python, judge_rust

CLEAN = {"name": "click", "version": "8.5.1", "vulns": []}
BAD = {"name": "idna", "version": "3.0", "vulns": [{"id": "PYSEC-1"}]}
UNKNOWN = {"name": "attrs", "skip_reason": "not found"}


def test_python() -> None:
    assert judge_python(None) == ("audit: python: database unreachable, not checked", False)
    assert judge_python({"dependencies": [UNKNOWN]}) == ("audit: python: database unreachable, not checked", False)
    assert judge_python({"dependencies": [CLEAN, UNKNOWN]}) == (
        "audit: python: 1 of 2 packages checked, 0 vulnerabilities",
        False,
    )
    line, bad = judge_python({"dependencies": [CLEAN, BAD]})
    assert bad
    assert "idna 3.0: PYSEC-1" in line


def test_rust() -> None:
    found = {"package": {"name": "time"}, "advisory": {"id": "RUSTSEC-1"}}
    report = {
        "database": {"advisory-count": 9},
        "lockfile": {"dependency-count": 3},
        "vulnerabilities": {"list": [found]},
    }
    assert judge_rust(None)[1] is False
    assert judge_rust(report) == ("audit: rust: 3 crates checked, 1 vulnerabilities\n  time: RUSTSEC-1", True)
