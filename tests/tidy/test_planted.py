"""Planted bugs are in nothing that is shipped: only a feature of the simulator compiles them in; nobody asks for it."""

import re
import tomllib
from typing import Any

from tests.tidy.tree import select

MANIFESTS = {path: tomllib.loads(text) for path, text in select(r"(rust|benches)/\w+/Cargo\.toml|Cargo\.toml").items()}


def asks(value: Any) -> bool:
    """Whether a part of a manifest names a feature that compiles the bugs in."""
    if isinstance(value, dict):
        return any(asks(part) for part in value.values())
    if isinstance(value, list):
        return any(asks(part) for part in value)
    return value in ("agio-planted/on", "agio-sim/planted", "planted")


def switching_on(manifests: dict[str, Any]) -> list[str]:
    """Every place but the one that may."""
    found = []
    for path, manifest in manifests.items():
        features = dict(manifest.get("features", {}))
        if path == "rust/sim/Cargo.toml":
            assert features.pop("planted") == ["agio-planted/on"]
        parts = {**manifest, "features": features, "workspace": manifest.get("workspace", {}).get("dependencies", {})}
        found += [f"{path}: {name}" for name, part in parts.items() if name != "package" and asks(part)]
        used = {
            name: dep for name, dep in manifest.get("dependencies", {}).items() if name in ("agio-planted", "agio-sim")
        }
        found += [f"{path}: {name}" for name, dep in used.items() if dep != {"workspace": True}]
    return found


def test_nothing_compiles_planted_bugs_in() -> None:
    assert MANIFESTS["rust/planted/Cargo.toml"]["features"] == {"on": []}
    assert not switching_on(MANIFESTS)


def test_a_feature_that_would_is_found() -> None:
    planted = {"dependencies": {"agio-sim": {"workspace": True, "features": ["planted"]}}}
    assert switching_on({"rust/extension/Cargo.toml": planted})
    assert switching_on({"rust/engine/Cargo.toml": {"features": {"default": ["agio-planted/on"]}}})


def test_the_build_of_the_extension_asks_for_no_features() -> None:
    (pyproject,) = select(r"pyproject\.toml").values()
    assert "features" not in tomllib.loads(pyproject)["tool"]["maturin"]


def test_every_planted_bug_has_its_place() -> None:
    (bugs,) = select(r"rust/planted/src/lib\.rs").values()
    names = re.findall(r"^    ([A-Z]\w+),$", bugs, re.MULTILINE)
    code = "".join(select(r"rust/(book|engine|journal|runner)/src/.*\.rs").values())
    assert len(names) >= 30
    assert not [name for name in names if f"planted(Bug::{name})" not in code]
