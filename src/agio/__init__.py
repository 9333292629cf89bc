"""agio, an exchange that speaks Binance's API. Importing this package costs nothing; see `agio.cli` to run one."""

__version__: str


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for: the package metadata's reader is slow to load."""
    if name != "__version__":
        raise AttributeError(f"module 'agio' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("agio")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
