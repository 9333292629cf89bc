"""agio's databases."""

from __future__ import annotations

from pathlib import Path

import agio.projections
import agio.services.identity
from agio.adapters.sql.schema import Schema
from agio.projections import schema as projection
from agio.services.identity import schema as identity

PROJECTION = Schema(projection.metadata, projection.REVISION, Path(agio.projections.__path__[0]) / "migrations")
"""What is made from the log and can be made again."""

IDENTITY = Schema(identity.metadata, identity.REVISION, Path(agio.services.identity.__path__[0]) / "migrations")
"""Users and keys: the only data whose truth is SQL."""
