"""User data streams."""

from agio.streams.user.feeds import UserData

__all__ = ["UserData"]
