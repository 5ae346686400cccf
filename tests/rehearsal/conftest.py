"""A clock for everything that tests a stand-in."""

from datetime import UTC, datetime

import pytest


class Noon:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.time = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return Noon()
