"""Open-source order books that the book is measured beside: installed from their registries when somebody measures.

Nothing of them is in this repository but a small driver for each and the versions. They are installed into
`AGIO_BENCH_CACHE` (default `~/.cache/agio-benches`); one that cannot be installed is left out, and named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("AGIO_BENCH_CACHE", Path.home() / ".cache" / "agio-benches"))


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine in a language of its own. `install` returns the command that takes the workload's files."""

    name: str
    version: str
    needs: str
    install: Callable[[Path], Sequence[str]]


class NotInstalledError(Exception):
    """Why a peer cannot be measured here."""


def command(peer: Peer) -> Sequence[str]:
    """Installs a peer, or takes what was installed before. Raises NotInstalledError."""
    if shutil.which(peer.needs) is None:
        raise NotInstalledError(f"{peer.name} {peer.version} needs {peer.needs}, which is not installed")
    folder = CACHE / f"{peer.name}-{peer.version}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return peer.install(folder)
    except subprocess.CalledProcessError as error:
        told = (error.stderr or error.stdout or "").strip().splitlines()
        raise NotInstalledError(f"{peer.name} {peer.version}: {told[-1] if told else error}") from error


def _run(*words: str | Path, folder: Path, **environment: str) -> None:
    subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )


def _java(folder: Path) -> Sequence[str]:
    built, path = folder / "built", folder / "classpath"
    if not (built / "classes" / "Peer.class").exists() or not path.exists():
        options = [f"-Dmaven.repo.local={folder / 'm2'}", f"-Dbuilt={built}", f"-Dmdep.outputFile={path}"]
        _run("mvn", "-q", "-B", *options, "compile", "dependency:build-classpath", folder=HERE / "java")
    return ["java", "-Xms2g", "-Xmx2g", "-cp", f"{built / 'classes'}:{path.read_text().strip()}", "Peer"]


def _rust(folder: Path) -> Sequence[str]:
    _run("cargo", "build", "--release", "--locked", folder=HERE / "rust", CARGO_TARGET_DIR=str(folder))
    return [str(folder / "release" / "agio-bench-peer")]


def _node(folder: Path) -> Sequence[str]:
    for name in ("package.json", "package-lock.json", "peer.js"):
        shutil.copy(HERE / "node" / name, folder / name)
    if not (folder / "node_modules").exists():
        _run("npm", "ci", "--silent", folder=folder)
    return ["node", str(folder / "peer.js")]


PEERS = (
    Peer("exchange-core", "0.5.3", "mvn", _java),
    Peer("lobster", "0.7.0", "cargo", _rust),
    Peer("nodejs-order-book", "10.1.1", "npm", _node),
)
