"""People at their desks: an author, an approver, a colleague of another agency, a coordinator and an admin."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from town import START, Town

from dissem.desk.acting import Acting
from dissem.desk.draft import Draft, File
from dissem.models import Agency, Person, Role

_STAFF = (
    (11, "siti", Role.AUTHOR, "kominfo"),
    (12, "rudi", Role.APPROVER, "kominfo"),
    (13, "tono", Role.APPROVER, "dishub"),
    (14, "dewi", Role.COORDINATOR, None),
    (15, "agus", Role.ADMIN, None),
)

As = Callable[[str], Acting]


@pytest.fixture
def acting(town: Town) -> As:
    """acting("siti") → Siti at her desk."""
    with town.installation.database.write() as session:
        session.add(Agency(code="dishub", name="Dinas Perhubungan"))
        session.flush()
        staff = {
            name: Person(
                id=i, username=name, name=name.title(), role=role, agency=agency, token_hash=name, created=START
            )
            for i, name, role, agency in _STAFF
        }
        session.add_all(staff.values())
    return lambda name: Acting(town.installation, staff[name], town.clock)


@pytest.fixture
def draft() -> Draft:
    return Draft(title="Jembatan ditutup", body="Jembatan Siti Nurbaya ditutup Minggu pagi.")


@pytest.fixture
def photo(tmp_path: Path) -> File:
    path = tmp_path / "foto.jpg"
    Image.new("RGB", (640, 480), "teal").save(path)
    return File(path, "Jembatan")


SOON = timedelta(minutes=5)
