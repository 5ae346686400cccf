"""What `dissem doctor` finds: each ailment once, in one sentence, and nothing in a healthy installation."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from media_host import MediaHost
from sqlalchemy import text
from sqlmodel import Session, select

from dissem.channels.newsroom import Newsroom
from dissem.config import PublicMedia
from dissem.daemon import health
from dissem.daemon.health import ailments, examine, remarks
from dissem.daemon.job_runs import run_now
from dissem.daemon.jobs import Job
from dissem.errors import DissemError
from dissem.models import (
    Agency,
    Channel,
    ChannelState,
    Daemon,
    Delivery,
    Held,
    JobRun,
    Kind,
    Person,
    Release,
    Role,
    State,
)
from dissem.store.installation import Installation

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def healthy(installation: Installation) -> Installation:
    """An installation with a checked channel, a living daemon and nothing to complain of."""
    for folder in (installation.home, installation.data, installation.media):
        folder.chmod(0o700)
    for file in installation.data.glob("*.db*"):
        file.chmod(0o600)
    with installation.database.write() as session:
        session.add(Agency(code="kominfo", name="Dinas Kominfo"))
        session.flush()
        session.add(Daemon(owner="here:1:ab", host="here", pid=1, started=NOW - DAY, beat=NOW - timedelta(seconds=9)))
        session.add(
            Person(username="siti", name="Siti", role=Role.AUTHOR, agency="kominfo", token_hash="x", created=NOW)
        )
        session.add(newsroom("web"))
    return installation


def newsroom(name: str, **values: Any) -> Channel:
    row = {
        "platform": "newsroom",
        "agency": "kominfo",
        "settings": {"folder": name, "base_url": "https://berita.padang.example"},
        "checked": NOW - DAY,
        "created": NOW - DAY,
    }
    return Channel(name=name, **{**row, **values})


def a_delivery(session: Session, state: State, **values: Any) -> None:
    """A delivery on the first channel, of a release of its own, due five minutes ago."""
    siti, channel = session.exec(select(Person)).one(), session.exec(select(Channel).order_by(Channel.id)).first()
    assert siti.id and channel and channel.id
    release = Release(
        kind=Kind.PHOTO,
        agency="kominfo",
        title="Halo",
        body="Halo",
        author_id=siti.id,
        editor_id=siti.id,
        created=NOW,
        edited=NOW,
    )
    session.add(release)
    session.flush()
    row = {"due": NOW - 5 * MINUTE, "until": NOW + DAY, "next_at": NOW - 5 * MINUTE, "since": NOW - DAY, "ready": True}
    session.add(Delivery(release_id=release.id or 0, channel_id=channel.id, state=state, **{**row, **values}))
    session.flush()


def found(installation: Installation) -> list[str]:
    """Every ailment as the reader sees it, hint included."""
    return [f"{error} {error.hint}" for error in ailments(installation, now=NOW)]


def the_one(installation: Installation) -> str:
    [ailment] = found(installation)
    return ailment


def change(installation: Installation, row: type[Any], **values: Any) -> None:
    """Set *values* of the only row of a table."""
    with installation.database.write() as session:
        one = session.exec(select(row)).one()
        for name, value in values.items():
            setattr(one, name, value)
        session.add(one)


def test_a_healthy_installation_has_no_ailments(healthy: Installation) -> None:
    assert found(healthy) == []


# The ground


@only_sqlite
@pytest.mark.parametrize(
    ("path", "mode"), [("", "700"), ("data", "700"), ("data/dissem.db", "600"), ("data/extra.csv", "600")]
)
def test_what_other_users_can_get_at_is_named_with_the_mode_it_should_have(
    healthy: Installation, path: str, mode: str
) -> None:
    place = healthy.home / path
    if not place.exists():
        place.touch()
    place.chmod(0o755)

    ailment = the_one(healthy)

    assert f"chmod {mode} {place}" in ailment


@only_sqlite
def test_a_key_file_that_others_can_read_is_told(healthy: Installation) -> None:
    healthy.key_file.chmod(0o644)

    assert "Others can read the key file" in the_one(healthy)


@only_sqlite
def test_a_key_file_that_is_gone_is_told(healthy: Installation) -> None:
    healthy.key_file.rename(healthy.home / "elsewhere")

    assert "key file" in the_one(healthy)


@only_sqlite
def test_a_key_that_lies_beside_what_it_opens_is_told(healthy: Installation) -> None:
    inside = healthy.data / "key"
    shutil.copy(healthy.key_file, inside)
    inside.chmod(0o600)
    secrets = healthy.config.secrets.model_copy(update={"key_file": "data/key"})
    installation = Installation(healthy.home, healthy.config.model_copy(update={"secrets": secrets}))

    assert "is in the data folder" in the_one(installation)
    installation.close()


@only_sqlite
def test_a_media_folder_that_is_missing_is_told(healthy: Installation) -> None:
    healthy.media.rmdir()

    assert "media folder" in the_one(healthy)


@only_sqlite
def test_a_public_folder_is_proved_by_fetching_from_it(healthy: Installation) -> None:
    folder = healthy.home / "public"
    with MediaHost(folder) as host:
        public = PublicMedia(folder="public", url=host.url)
        installation = Installation(healthy.home, healthy.config.model_copy(update={"public_media": public}))
        assert found(installation) == []
        assert len(host.asked) == 1

        host.kind = "text/html"
        assert "shows a web page instead of the file" in the_one(installation)
    installation.close()


@only_sqlite
def test_without_a_key_the_public_folder_is_not_complained_of_besides(healthy: Installation) -> None:
    public = PublicMedia(folder="public", url="http://127.0.0.1:9")
    healthy.key_file.unlink()
    installation = Installation(healthy.home, healthy.config.model_copy(update={"public_media": public}))

    assert [one for one in found(installation) if "127.0.0.1:9" in one] == []
    installation.close()


@only_sqlite
def test_a_disk_that_is_nearly_full_is_told(healthy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ROOM", 2**70)

    assert "MiB are free" in the_one(healthy)


@only_sqlite
def test_a_database_that_is_missing_is_told_and_not_made(healthy: Installation) -> None:
    healthy.close()
    file = healthy.database.file
    assert file
    for piece in healthy.data.glob("dissem.db*"):
        piece.unlink()

    assert "is missing" in the_one(healthy)
    assert not file.exists()


@only_sqlite
def test_a_damaged_database_is_told(healthy: Installation) -> None:
    healthy.close()
    file = healthy.database.file
    assert file
    with file.open("r+b") as bytes_of:
        bytes_of.seek(4096)
        bytes_of.write(b"\xff" * 8192)

    assert "database file is damaged" in found(healthy)[0]


def test_a_database_of_another_dissem_is_told_and_looked_into_no_further(healthy: Installation) -> None:
    with healthy.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.execute(text("DELETE FROM daemon"))

    assert "newer dissem" in the_one(healthy)


def test_a_database_server_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    from dissem.config import Config, DatabaseSection

    url = "postgresql+psycopg://dissem:hush-hush@127.0.0.1:9/dissem"  # the discard port: nobody listens
    installation = Installation(tmp_path, Config(database=DatabaseSection(url=url)))

    told = " ".join(found(installation))

    assert "does not answer" in told
    assert "hush" not in told


def test_settings_that_cannot_be_read_are_an_ailment_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[office]\nnmae = 'Padang'\n")

    [error] = examine(tmp_path, now=NOW)

    assert "no setting office.nmae" in str(error)


@only_sqlite
def test_an_installation_is_examined_by_its_folder(healthy: Installation) -> None:
    (healthy.home / "config.toml").write_text("")
    (healthy.home / "config.toml").chmod(0o600)

    assert examine(healthy.home, now=NOW) == []


# The daemon


def test_no_living_daemon_is_told_and_louder_when_posts_are_due(healthy: Installation) -> None:
    change(healthy, Daemon, beat=NOW - timedelta(seconds=31))
    assert "No daemon is running, so nothing will be published." in the_one(healthy)

    with healthy.database.write() as session:
        for _ in range(2):
            a_delivery(session, State.WAITING)
        a_delivery(session, State.WAITING, due=NOW + MINUTE, next_at=NOW + MINUTE)
    assert "No daemon is running and 2 posts are due." in the_one(healthy)


def test_a_daemon_that_ended_is_not_alive_however_fresh_its_last_sign(healthy: Installation) -> None:
    change(healthy, Daemon, ended=NOW)

    assert "No daemon is running" in the_one(healthy)


def test_posts_that_a_living_daemon_does_not_take_are_told(healthy: Installation) -> None:
    with healthy.database.write() as session:
        a_delivery(session, State.WAITING)

    assert "1 posts were due over 2 minutes ago" in the_one(healthy)


@pytest.mark.parametrize(
    "reason",
    [
        lambda session: a_delivery(session, State.WAITING, due=NOW - MINUTE, next_at=NOW - MINUTE),
        lambda session: a_delivery(session, State.WAITING, next_at=NOW + MINUTE),  # it failed and is tried again
        lambda session: a_delivery(session, State.WAITING, due=NOW + MINUTE),
        lambda session: (a_delivery(session, State.WAITING), a_delivery(session, State.PUBLISHING)),  # next in its lane
    ],
    ids=["just due", "backing off", "prepared ahead", "lane busy"],
)
def test_posts_that_wait_for_a_good_reason_are_no_ailment(
    healthy: Installation, reason: Callable[[Session], object]
) -> None:
    with healthy.database.write() as session:
        reason(session)

    assert found(healthy) == []


def test_posts_that_wait_for_the_gap_of_their_channel_are_no_ailment(healthy: Installation) -> None:
    with healthy.database.write() as session:
        a_delivery(session, State.WAITING)
    change(healthy, Channel, free_at=NOW + MINUTE)

    assert found(healthy) == []


def test_held_and_unknown_deliveries_are_counted_with_the_way_to_see_them(healthy: Installation) -> None:
    with healthy.database.write() as session:
        a_delivery(session, State.HELD, held=Held.UNKNOWN)
        a_delivery(session, State.HELD, held=Held.TWICE)
        a_delivery(session, State.UNKNOWN)

    held, unknown = found(healthy)

    assert held.startswith("2 deliveries")
    assert "dissem queue --state held" in held
    assert unknown.startswith("Of 1 deliveries")
    assert "dissem queue --state unknown" in unknown


# Channels


def test_a_paused_channel_is_told_with_its_reason(healthy: Installation) -> None:
    why = DissemError("The token was revoked at {place}.", place="the platform").reason()
    change(healthy, Channel, state=ChannelState.PAUSED, reason=why)

    ailment = the_one(healthy)

    assert "Channel web is paused: The token was revoked at the platform." in ailment
    assert "dissem channel resume web" in ailment


def test_posts_of_a_paused_channel_are_not_complained_of_besides(healthy: Installation) -> None:
    with healthy.database.write() as session:
        a_delivery(session, State.WAITING)
    change(healthy, Channel, state=ChannelState.PAUSED)

    assert "Channel web is paused. When" in the_one(healthy)


def test_a_channel_that_was_never_checked_is_told(healthy: Installation) -> None:
    change(healthy, Channel, checked=None)

    assert "dissem channel check web" in the_one(healthy)


def test_a_channel_whose_settings_or_secrets_cannot_be_used_is_told_and_its_values_are_not(
    healthy: Installation,
) -> None:
    change(healthy, Channel, settings={"folder": "web", "base_url": "hush hush"}, reason=None)

    ailment = the_one(healthy)

    assert "Channel web cannot be opened: The setting base_url of newsroom cannot be used" in ailment
    assert "hush" not in ailment


def test_a_channel_of_a_platform_that_is_not_installed_is_told(healthy: Installation) -> None:
    change(healthy, Channel, platform="newsrom")

    ailment = the_one(healthy)

    assert "There is no platform named newsrom." in ailment
    assert "Did you mean newsroom?" in ailment


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (-MINUTE, "has ended"),
        (DAY, "ends: Wednesday, 25 November 2026"),
        (14 * DAY, "ends: Tuesday, 8 December 2026"),
    ],
)
def test_a_login_that_is_about_to_end_is_told(healthy: Installation, left: timedelta, told: str) -> None:
    change(healthy, Channel, token_expires=NOW + left)

    ailment = the_one(healthy)

    assert f"login of channel web {told}" in ailment
    assert "dissem channel connect web" in ailment


def test_a_login_that_lasts_is_no_ailment(healthy: Installation) -> None:
    change(healthy, Channel, token_expires=NOW + 15 * DAY)

    assert found(healthy) == []


def test_a_login_that_is_renewed_by_itself_is_told_only_when_what_renews_it_ends(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(after: timedelta) -> None:
        with healthy.database.write() as session:
            channel = session.exec(select(Channel).where(Channel.platform == "tiktok")).one()
            given = {"client_id": "hush", "client_secret": "hush", "refresh_token": "hush"}
            moment = str((NOW + after).timestamp())
            channel.secrets = healthy.adapters.seal(channel, {**given, "refresh_token_ends": moment})
            session.add(channel)

    with healthy.database.write() as session:
        session.add(newsroom("tt", platform="tiktok", settings={}, token_expires=NOW + MINUTE))
    ends(15 * DAY)
    assert found(healthy) == []

    ends(14 * DAY)
    assert "login of channel tt ends: Tuesday, 8 December 2026" in the_one(healthy)


@pytest.mark.parametrize(("login", "ailments"), [("facebook", 1), ("instagram", 0)])
def test_of_one_platform_only_the_logins_that_cannot_be_renewed_are_told(
    healthy: Installation, login: str, ailments: int
) -> None:
    with healthy.database.write() as session:
        channel = newsroom("ig", platform="instagram", settings={"account": "17841400000000001", "login": login})
        channel.token_expires = NOW + 7 * DAY
        session.add(channel)
        session.flush()
        channel.secrets = healthy.adapters.seal(channel, {"access_token": "hush"})

    told = found(healthy)

    assert len(told) == ailments
    assert all("login of channel ig ends: Tuesday, 1 December 2026" in one for one in told)


def test_an_interface_that_a_platform_ends_soon_is_told_once_however_many_channels(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    with healthy.database.write() as session:
        session.add(newsroom("second"))
    monkeypatch.setattr(Newsroom, "facts", replace(Newsroom.facts, api="v1", sunset=date(2027, 1, 23)))
    assert "23 January 2027" in the_one(healthy)

    monkeypatch.setattr(Newsroom, "facts", replace(Newsroom.facts, api="v1", sunset=date(2027, 1, 24)))
    assert found(healthy) == []


@pytest.mark.parametrize(("version", "ailments"), [("v21.0", 1), ("v22.0", 0), ("v26.0", 0)])
def test_a_channel_that_is_set_to_a_version_which_ends_soon_is_told(
    healthy: Installation, version: str, ailments: int
) -> None:
    """Facebook ends v21.0 on 21 January 2027, v22.0 in May, and names no last day of v26.0."""
    with healthy.database.write() as session:
        channel = newsroom("fb", platform="facebook", settings={"page": "104", "version": version})
        session.add(channel)
        session.flush()
        channel.secrets = healthy.adapters.seal(channel, {"access_token": "hush"})

    told = found(healthy)

    assert len(told) == ailments
    assert all("ends version v21.0" in one and "--set version=v26.0" in one for one in told)


def test_what_a_machine_can_do_without_is_remarked_and_no_ailment(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert any("ffmpeg is not installed" in str(one) for one in remarks())
    assert found(healthy) == []


# Jobs


def test_a_job_file_that_is_wrong_is_told(healthy: Installation) -> None:
    (healthy.jobs / "weekly-report.toml").write_text('task = "report.weakly"\ncron = "30 6 * * mon"\n')

    assert "weekly-report.toml: There is no task named report.weakly." in the_one(healthy)


def test_a_job_that_failed_the_last_time_is_told_until_it_succeeds(healthy: Installation) -> None:
    (healthy.jobs / "counting.toml").write_text('task = "engagement.collect"\ncron = "5 * * * *"\n')
    why = DissemError("The platform was away.").reason()
    with healthy.database.write() as session:
        session.add(
            JobRun(
                job="counting", planned=NOW, owner="x", lease_until=NOW, started=NOW, finished=NOW, ok=False, detail=why
            )
        )
    ailment = the_one(healthy)
    assert "Job counting failed the last time" in ailment
    assert "The platform was away." in ailment
    assert "dissem job run counting" in ailment

    from dissem.tasks import CollectOptions

    job = Job("counting", "engagement.collect", "5 * * * *", "Asia/Jakarta", options=CollectOptions())
    run_now(healthy, job, owner="person", now=lambda: NOW + MINUTE)

    assert found(healthy) == []


def test_a_job_that_is_no_more_is_not_complained_of(healthy: Installation) -> None:
    with healthy.database.write() as session:
        session.add(JobRun(job="gone", planned=NOW, owner="x", lease_until=NOW, started=NOW, finished=NOW, ok=False))

    assert found(healthy) == []
