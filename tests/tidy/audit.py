"""Known vulnerabilities in the locked dependencies: `make audit`.

Both databases live on the network. A machine that cannot reach one gets a line that says so, never a silent pass; a
vulnerability that is found fails the run. Whether the locks are complete is checked offline, in test_locks.py.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCK = "requirements/dev.txt"


def run(command: list[str]) -> dict[str, Any] | None:
    """The report a tool prints as JSON, or None when it could not make one."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
        report = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return report if isinstance(report, dict) else None


def judge_python(report: dict[str, Any] | None) -> tuple[str, bool]:
    """What to print of pip-audit's report, and whether it is bad news. A package it did not find was not checked."""
    packages = report["dependencies"] if report else []
    checked = [p for p in packages if "vulns" in p]
    if not checked:
        return "audit: python: database unreachable, not checked", False
    bad = [f"{p['name']} {p['version']}: {v['id']}" for p in checked for v in p["vulns"]]
    line = f"audit: python: {len(checked)} of {len(packages)} packages checked, {len(bad)} vulnerabilities"
    return "\n  ".join([line, *bad]), bool(bad)


def judge_rust(report: dict[str, Any] | None) -> tuple[str, bool]:
    """The same of cargo-audit's report."""
    if not report or not report["database"]["advisory-count"]:
        return "audit: rust: database unreachable, not checked", False
    bad = [f"{v['package']['name']}: {v['advisory']['id']}" for v in report["vulnerabilities"]["list"]]
    line = f"audit: rust: {report['lockfile']['dependency-count']} crates checked, {len(bad)} vulnerabilities"
    return "\n  ".join([line, *bad]), bool(bad)


def main() -> int:
    """Print a line for each language; 1 when a vulnerability is known."""
    pip_audit = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "-r", LOCK, "-f", "json"]
    verdicts = [judge_python(run([*pip_audit, "--progress-spinner", "off"]))]
    if shutil.which("cargo-audit"):
        verdicts.append(judge_rust(run(["cargo", "audit", "--json", "--quiet"])))
    else:
        verdicts.append(("audit: rust: cargo-audit is not installed, not checked (cargo install cargo-audit)", False))
    print("\n".join(line for line, _ in verdicts))
    return int(any(bad for _, bad in verdicts))


if __name__ == "__main__":
    sys.exit(main())
