"""agio, an exchange that speaks Binance's API. Importing this package costs nothing; see `agio.cli` to run one."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("agio")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


__version__ = _version()
