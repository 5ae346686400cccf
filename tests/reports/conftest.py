"""The made-up city, settled anew for each test on each kind of database."""

from collections.abc import Iterator

import pytest
from made_up_city import SMALL, City, settle
from sqlmodel import Session

from dissem.store.installation import Installation


@pytest.fixture
def settled(installation: Installation) -> Iterator[Session]:
    """A session on the database in which a made-up city lives."""
    with installation.database.write() as session:
        settle(session, City(SMALL))
    with installation.database.read() as session:
        yield session
