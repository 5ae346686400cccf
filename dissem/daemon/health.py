"""What is wrong with an installation, for `dissem doctor`: one sentence each, and what to do about it.

Nothing here changes anything or asks a platform; a token that was revoked yesterday shows at the next request. What a
web server shows of the public folder is looked at with a tiny file, which is taken away again.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from dissem import config, i18n
from dissem.channels.network import Network
from dissem.channels.registry import adapter_class
from dissem.clock import local_day
from dissem.compose import heic, transcode
from dissem.daemon import jobs, marker
from dissem.daemon.job_runs import last_runs
from dissem.daemon.run import ALIVE, holder
from dissem.desk.endings import ending, logins_of, versions_of
from dissem.engagement import foreign
from dissem.errors import Broken, DissemError, told
from dissem.models import Channel, ChannelState, Daemon, Delivery, State
from dissem.queue import restored
from dissem.store.database import LAST_BACKUP
from dissem.store.installation import Installation
from dissem.store.vault import load_key

ROOM = 2**30  # bytes that should be free for media, database and the next backup
UNTAKEN = timedelta(minutes=2)  # a post that was due this long ago should be in somebody's hand
LOGIN = timedelta(days=14)  # a login that ends sooner is worth a word
VERSION = timedelta(days=60)  # so is a platform's interface that does: a newer dissem has to be found first

Ailments = Iterator[DissemError]


def examine(home: Path, *, now: datetime) -> list[DissemError]:
    """Everything that is wrong with the installation in *home*, settings that cannot be read included."""
    try:
        settings, _origins = config.load(home / config.FILE)
    except DissemError as error:
        return [error]
    installation = Installation(home, settings)
    try:
        return ailments(installation, now=now)
    finally:
        installation.close()


def ailments(installation: Installation, *, now: datetime) -> list[DissemError]:
    """Everything that is wrong, the ground first. What stands in the database is looked at only if it can be read."""
    ground = _found(_folders, _key, _media, _public_folder, _disk, _job_files, on=installation)
    broken = _found(_database, on=installation)
    if broken:
        return [*ground, *broken]

    def kept(one: Installation) -> Ailments:
        with one.database.read() as session:
            yield from _from_the_past(session, one, now)
            yield from _daemons(session, one, now)
            yield from _deliveries(session)
            yield from _channels(session, one)
            yield from _endings(session, one, now)
            yield from _job_runs(session, one)
            yield from _reports(session, one, now)
            yield from foreign.ailments(session)

    return [*ground, *_found(kept, on=installation)]


def _found(*checks: Callable[[Installation], Ailments], on: Installation) -> list[DissemError]:
    """What *checks* say; one that cannot look says that."""
    found: list[DissemError] = []
    for check in checks:
        try:
            found += check(on)
        except DissemError as error:
            found.append(error)
        except SQLAlchemyError as error:
            found.append(_no_answer(error))
        except OSError as error:
            found.append(Broken("{file} cannot be looked at: {why}.", file=error.filename or "", why=error.strerror))
    return found


def _no_answer(error: SQLAlchemyError) -> DissemError:
    """Its own text is not shown: it may hold the database's address with a password."""
    return Broken(
        "The database does not answer ({error}).",
        hint="Is the server running, and are address and password in the settings right?",
        error=type(error).__name__,
    )


# The ground it stands on


def _folders(installation: Installation) -> Ailments:
    for folder in dict.fromkeys((installation.home, installation.data)):
        if not folder.is_dir():
            yield Broken("The folder {folder} is missing.", hint=LAST_BACKUP, folder=folder)
            continue
        yield from _private(folder, "700")
        if folder.stat().st_uid != os.geteuid():
            yield Broken(
                "The folder {folder} belongs to another user.",
                hint="Run dissem as that user, or: chown -R {user} {folder}",
                folder=folder,
                user=os.geteuid(),
            )
    data = installation.data
    for file in sorted(data.iterdir()) if data.is_dir() else ():
        if file.is_file():
            yield from _private(file, "600")


def _private(path: Path, mode: str) -> Ailments:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Broken(
            "Other users of this server can get at {path}.", hint="Run: chmod {mode} {path}", path=path, mode=mode
        )


def _key(installation: Installation) -> Ailments:
    load_key(installation.key_file)
    if installation.key_file.is_file() and installation.key_file.resolve().is_relative_to(installation.data.resolve()):
        yield Broken(
            "The key file {file} is in the data folder, so whoever gets a copy of the data can open its secrets.",
            hint="Move it out, and say where it is by key_file in config.toml.",
            file=installation.key_file,
        )


def _media(installation: Installation) -> Ailments:
    folder = installation.media
    if not folder.is_dir():
        yield Broken("The media folder {folder} is missing.", hint=LAST_BACKUP, folder=folder)
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield Broken("The media folder {folder} cannot be written.", hint="Check its owner and rights.", folder=folder)


def _public_folder(installation: Installation) -> Ailments:
    settings = installation.config.public_media
    if not (settings.folder or settings.url) or not _opens(installation):
        return
    network = Network(frozenset(installation.config.network.allow_hosts))
    if ailment := installation.public_media.ailment(network):
        yield ailment


def _disk(installation: Installation) -> Ailments:
    folder = installation.data if installation.data.is_dir() else installation.home
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        yield Broken(
            "Only {free} MiB are free on the disk of {folder}.",
            hint="Make room on the server.",
            free=free // 2**20,
            folder=folder,
        )


def _job_files(installation: Installation) -> Ailments:
    yield from jobs.check(installation.jobs, installation.config)


def _database(installation: Installation) -> Ailments:
    database = installation.database
    if database.file and not database.file.is_file():
        # opening it would make an empty one
        yield Broken(
            "The database {file} is missing.",
            hint=LAST_BACKUP,
            file=database.file,
        )
        return
    database.require_current()
    if not database.is_sqlite:
        return
    with database.read() as session:
        said = session.execute(text("PRAGMA quick_check(1)")).scalar()
    if said != "ok":
        yield Broken("The database file is damaged.", hint=LAST_BACKUP)


# What is going on


def _from_the_past(session: Session, installation: Installation, now: datetime) -> Ailments:
    """A database somebody brought back by hand, and what a restore left in doubt."""
    if marker.is_behind(session, marker.last_seen(installation.home), now):
        yield Broken(
            "The database is older than what was published from it; the next daemon looks everything up first.",
            hint="If that was not meant: bring the right database back. Otherwise: dissem restore --by-hand",
        )
    elif n := restored.in_doubt(session):
        yield DissemError(
            "{n} deliveries may have been published after the backup that was brought back; none goes out unseen.",
            hint="See them: dissem queue --state unknown --state held",
            n=n,
        )


def _daemons(session: Session, installation: Installation, now: datetime) -> Ailments:
    alive = select(Daemon.owner).where(col(Daemon.ended).is_(None), Daemon.beat > now - ALIVE)
    if session.exec(alive.limit(1)).first() is None:
        if installation.database.is_sqlite and (pid := holder(installation.data)):
            yield Broken(
                "A daemon runs as process {pid} and gives no sign of life: the clock was set, or it hangs.",
                hint="See that the server's clock is right, then stop the daemon (kill {pid}) and start it again.",
                pid=pid,
            )
            return
        due = _due(session, now)
        if due:
            yield Broken("No daemon is running and {n} posts are due.", hint="Start it at once: dissem daemon", n=due)
        else:
            yield Broken("No daemon is running, so nothing will be published.", hint="Start it: dissem daemon")
    elif late := _due(session, now - UNTAKEN, free=now):
        yield Broken(
            "{n} posts were due over {minutes} minutes ago and nobody takes them, although a daemon is running.",
            hint="See dissem queue --state waiting and the daemon's log; their platform may be out of order.",
            n=late,
            minutes=int(UNTAKEN.total_seconds() // 60),
        )


def _due(session: Session, moment: datetime, *, free: datetime | None = None) -> int:
    """How many deliveries of active channels wait that were due at *moment*; with *free*, those of free lanes only."""
    query = (
        select(func.count())
        .select_from(Delivery)
        .join(Channel, col(Channel.id) == Delivery.channel_id)
        .where(
            Delivery.state == State.WAITING,
            Delivery.next_at <= moment,
            Delivery.due <= moment,
            Channel.state == ChannelState.ACTIVE,
        )
    )
    if free:
        busy = select(Delivery.channel_id).where(Delivery.state == State.PUBLISHING)
        query = query.where(
            col(Channel.id).not_in(busy), func.coalesce(Channel.free_at, free) <= free, Delivery.until > free
        )
    return session.exec(query).one()


def _deliveries(session: Session) -> Ailments:
    counts = dict(
        session.exec(
            select(Delivery.state, func.count())
            .where(col(Delivery.state).in_((State.HELD, State.UNKNOWN)))
            .group_by(col(Delivery.state))
        ).all()
    )
    if held := counts.get(State.HELD):
        yield DissemError(
            "{n} deliveries are held until a person has looked.", hint="See them: dissem queue --state held", n=held
        )
    if unknown := counts.get(State.UNKNOWN):
        yield DissemError(
            "Of {n} deliveries it is not known whether they are public; dissem is looking.",
            hint="See them: dissem queue --state unknown",
            n=unknown,
        )


# Channels


def _channels(session: Session, installation: Installation) -> Ailments:
    opens = _opens(installation)
    for channel in session.exec(select(Channel).order_by(Channel.name)).all():
        yield from _channel(installation, channel, opens=opens)


def _channel(installation: Installation, channel: Channel, *, opens: bool) -> Ailments:
    if channel.state is ChannelState.PAUSED:
        yield DissemError(
            "Channel {channel} is paused: {why}" if channel.reason else "Channel {channel} is paused.",
            hint="When that is over: dissem channel resume {channel}",
            channel=channel.name,
            why=told(channel.reason),
        )
    if channel.checked is None:
        yield DissemError(
            "Channel {channel} was never checked.", hint="Run: dissem channel check {channel}", channel=channel.name
        )
    if not opens:
        return
    try:
        installation.adapters.of(channel)
    except DissemError as error:
        values = {k: v for k, v in error.values.items() if k not in ("channel", "why")}
        yield DissemError(
            "Channel {channel} cannot be opened: {why}",
            hint=error.hint_text,
            channel=channel.name,
            why=error,
            **values,
        )


def _opens(installation: Installation) -> bool:
    """Whether there is a key at all; that it is missing is said once, not of every channel."""
    try:
        return bool(installation.vault)
    except DissemError:
        return False


def _endings(session: Session, installation: Installation, now: datetime) -> Ailments:
    """Logins and interfaces that end. A login that renews itself is told when what renews it ends."""
    zone = installation.zone
    if _opens(installation):
        yield from ending(logins_of(installation), (), now=now, zone=zone, within=LOGIN)
    yield from ending((), versions_of(installation), now=now, zone=zone, within=VERSION)
    for channel in session.exec(select(Channel).order_by(Channel.name)).all():
        yield from _older_version(channel, local_day(now, zone))


def _older_version(channel: Channel, today: date) -> Ailments:
    """Whether the version that the channel is set to ends, where its platform tells when."""
    try:
        kind = adapter_class(channel.platform)
    except DissemError:  # said of the channel
        return
    last_days: Mapping[str, date] = getattr(kind, "last_days", {})
    version = channel.settings.get("version", "")
    last = last_days.get(version)
    if last and last - today <= VERSION:
        yield DissemError(
            "{platform} ends version {api} of its interface, which channel {channel} is set to, on {day}.",
            hint="Set a newer one: dissem channel edit {channel} --set version={newer}",
            platform=kind.facts.label,
            api=version,
            channel=channel.name,
            day=i18n.day(last),
            newer=kind.facts.api,
        )


def remarks() -> list[DissemError]:
    """What this machine lacks that an installation can do without."""
    found = []
    if not transcode.installed():
        found.append(
            DissemError("Videos are not converted here: ffmpeg is not installed.", hint="As in: apt install ffmpeg")
        )
    if not heic.installed():
        found.append(
            DissemError("Photos of the kind HEIC are not read here.", hint="As in: pip install 'dissem[heic]'")
        )
    return found


# Jobs


def _job_runs(session: Session, installation: Installation) -> Ailments:
    runs = last_runs(session)
    for job in jobs.read_jobs(installation.jobs, installation.config):
        run = runs.get(job.name)
        if run and run.ok is False:
            yield DissemError(
                "Job {job} failed the last time, {when}: {why}",
                hint="When that is mended: dissem job run {job}",
                job=job.name,
                when=i18n.moment(run.started, installation.zone),
                why=told(run.detail),
            )


def _reports(session: Session, installation: Installation, now: datetime) -> Ailments:
    from dissem.reports import sending  # with all forms of the report, which is much to load for one question

    yield from sending.unreached(session, installation, now)
    if _opens(installation):
        yield from sending.closed(installation)
