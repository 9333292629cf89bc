"""agio's databases."""

from __future__ import annotations

from pathlib import Path

import agio.projections
from agio.adapters.sql.schema import Schema
from agio.projections import schema as projection

PROJECTION = Schema(projection.metadata, projection.REVISION, Path(agio.projections.__path__[0]) / "migrations")
"""What is made from the log and can be made again."""
