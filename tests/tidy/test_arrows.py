"""Who may import whom: the arrows of ARCHITECTURE.md, in Python and between the crates."""

import ast
import tomllib
from collections.abc import Iterator

import pytest

from tests.tidy.tree import select

# A package may import what stands above it, never what stands beside or below it.
LAYERS = (
    ("domain",),
    ("ports",),
    ("wire",),
    ("gateway", "shard", "projections", "streams", "services"),
    ("adapters",),
    ("bootstrap",),
    ("venue",),
    ("cli",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

# Each crate, and the crates of ours that it may build on.
CRATES: dict[str, set[str]] = {
    "planted": set(),
    "book": set(),
    "journal": {"planted"},
    "engine": {"book", "planted"},
    "edge": {"engine"},
    "runner": {"engine", "journal", "planted"},
    "sim": {"engine", "journal", "planted", "runner"},
    "extension": {"edge", "engine", "journal", "runner", "sim"},
    "fuzz": {"book", "edge", "engine", "journal"},
}


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import of ours, wherever it stands: at the top, in a function, for types only."""
    package = path.removeprefix("src/").split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((node.lineno, str(arg.value)) for arg in node.args if isinstance(arg, ast.Constant))


def may_import(importer: list[str], imported: list[str]) -> bool:
    """The rule itself, on dotted names without the leading `agio`."""
    ours, theirs = importer[0], imported[0]
    if theirs == "_core":
        return ours == "shard" or importer in (["gateway", "codec"], ["streams", "codec"])
    if ours not in RANK or theirs not in RANK:
        return theirs not in RANK  # `agio.__version__` and the like
    if ours == theirs == "services":  # one room each
        return len(importer) < 2 or len(imported) < 2 or importer[1] == imported[1]
    return ours == theirs or RANK[theirs] < RANK[ours]


def violations(path: str, source: str) -> list[str]:
    importer = path.removeprefix("src/agio/").removesuffix(".py").removesuffix("/__init__").split("/")
    found = []
    for line, name in imports(path, source):
        root, _, rest = name.partition(".")
        if root == "agio" and rest and not may_import(importer, rest.split(".")):
            found.append(f"{path}:{line}: {'.'.join(importer)} must not import {name}")
    return found


def unknown_rooms(paths: list[str]) -> list[str]:
    rooms = {path.removeprefix("src/agio/").removesuffix(".py").split("/")[0] for path in paths}
    return sorted(rooms - RANK.keys() - {"__init__", "__main__"})


def test_arrows() -> None:
    assert not [found for path, text in select(r"src/agio/.*\.py").items() for found in violations(path, text)]


def test_every_room_has_a_place() -> None:
    assert not unknown_rooms(list(select(r"src/agio/.*\.py")))
    assert unknown_rooms(["src/agio/helpers.py"]) == ["helpers"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("src/agio/gateway/spot/orders.py", "from agio.streams.market import depth"),
        ("src/agio/gateway/rest.py", "import agio.projections.schema"),
        ("src/agio/gateway/rest.py", "def f():\n    from agio import streams"),
        ("src/agio/streams/user/events.py", "from ...gateway import operations"),
        ("src/agio/streams/__init__.py", "from ..shard import handle"),
        ("src/agio/domain/money.py", "from agio.ports import Log"),
        ("src/agio/wire/http.py", "if TYPE_CHECKING:\n    from agio.gateway.rest import dispatch"),
        ("src/agio/projections/spot/orders.py", "from agio.adapters.sql import engine"),
        ("src/agio/adapters/files/log.py", "from agio.bootstrap import dev"),
        ("src/agio/venue/house.py", "import agio.cli"),
        ("src/agio/bootstrap.py", "importlib.import_module('agio.cli')"),
        ("src/agio/services/identity/keys.py", "from agio.services.transfers import send"),
        ("src/agio/gateway/rest.py", "from agio import _core"),
        ("src/agio/adapters/files/log.py", "from agio._core import Log"),
        ("src/agio/streams/codec/table.py", "import agio._core"),
    ],
)
def test_a_planted_import_is_found(path: str, source: str) -> None:
    assert violations(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("src/agio/gateway/codec.py", "from agio import _core"),
        ("src/agio/streams/codec.py", "from agio._core import encode"),
        ("src/agio/shard/handle.py", "import agio._core"),
        ("src/agio/gateway/spot/orders.py", "from agio.wire.json import encode\nfrom ..operations import Row"),
        ("src/agio/services/identity/keys.py", "from agio.services.identity.secrets import seal"),
        ("src/agio/cli/dev.py", "from agio.bootstrap import dev\nimport agio\nfrom agio import __version__"),
        ("src/agio/adapters/sql/users.py", "from agio.services.identity import users"),
    ],
)
def test_a_lawful_import_is_not(path: str, source: str) -> None:
    assert not violations(path, source)


def crate_violations(name: str, manifest: str) -> list[str]:
    used = {dep for dep in tomllib.loads(manifest).get("dependencies", {}) if dep.startswith("agio-") or dep == "pyo3"}
    allowed = {f"agio-{dep}" for dep in CRATES[name]} | ({"pyo3"} if name == "extension" else set())
    return [f"rust/{name} must not depend on {dep}" for dep in sorted(used - allowed)]


def test_crates() -> None:
    manifests = select(r"rust/\w+/Cargo\.toml")
    assert manifests
    assert not [found for path, text in manifests.items() for found in crate_violations(path.split("/")[1], text)]
    assert crate_violations("book", '[dependencies]\nagio-engine.workspace = true\npyo3 = "0.30"')
