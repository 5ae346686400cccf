"""The same button, pressed by two people at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sqlmodel import select
from town import START, Town

from dissem.desk import releases, schedule
from dissem.desk.acting import Acting
from dissem.desk.draft import Draft
from dissem.errors import DissemError
from dissem.models import Approval, Person, Role


def test_of_two_who_approve_at_once_one_does_and_the_other_is_told(town: Town) -> None:
    with town.installation.database.write() as session:
        ani, budi = (session.get_one(Person, number) for number in (1, 2))
        citra = Person(
            id=3, username="citra", name="Citra", role=Role.APPROVER, agency="kominfo", token_hash="c", created=START
        )
        session.add(citra)
    town.channel("board")
    author = Acting(town.installation, ani, town.clock)
    number = releases.add(author, Draft(title="Jembatan ditutup", body="Ditutup Minggu pagi.")).id or 0
    schedule.schedule(author, number, ["board"], town.clock() + timedelta(minutes=5))
    releases.submit(author, number)
    together = Barrier(2)

    def approve(person: Person) -> DissemError | None:
        together.wait(10)
        try:
            releases.approve(Acting(town.installation, person, town.clock), number)
        except DissemError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(approve, (budi, citra)))

    assert [error is None for error in told].count(True) == 1, told
    assert str(next(error for error in told if error)).strip()
    with town.installation.database.read() as session:
        assert len(session.exec(select(Approval)).all()) == 1
