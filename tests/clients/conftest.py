"""A person for each module of client tests, so that their orders do not meet."""

import pytest

from tests.clients.people import Person
from tests.exchange import Exchange


@pytest.fixture(scope="module")
def person(exchange: Exchange, request: pytest.FixtureRequest) -> Person:
    """A funded user of this module's own."""
    return Person.register(exchange, request.module.__name__.rpartition(".")[2].replace("test_", ""))
