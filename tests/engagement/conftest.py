"""The town and boards of `counted`, on each kind of database."""

import pytest
import town as queueing
from counted import Board, Boards, Town

from dissem.store.installation import Installation


@pytest.fixture
def town(installation: Installation) -> Town:
    town = Town(installation)
    town.agency("kominfo", "Dinas Kominfo")
    return town


@pytest.fixture
def boards(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> dict[str, Board]:
    adapters = Boards()
    monkeypatch.setitem(installation.__dict__, "adapters", adapters)
    return adapters.boards


@pytest.fixture
def hall(installation: Installation, noticeboard: None, clock: queueing.Clock) -> queueing.Town:
    """A town hall whose deliveries go through the queue."""
    return queueing.Town(installation, clock)
