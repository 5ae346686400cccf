"""What is wrong with an installation, for `dissem doctor`: one sentence each, and what to do about it.

Nothing here changes anything or asks a platform; a token that was revoked yesterday shows at the next request. What a
web server shows of the public folder is looked at with a tiny file, which is taken away again.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from dissem import config, i18n
from dissem.channels.adapter import Adapter
from dissem.channels.network import Network
from dissem.channels.registry import adapter_class
from dissem.clock import local_day
from dissem.daemon import jobs
from dissem.daemon.job_runs import last_runs
from dissem.daemon.run import ALIVE
from dissem.errors import Broken, DissemError, told
from dissem.models import Channel, ChannelState, Daemon, Delivery, State
from dissem.store.database import LAST_BACKUP
from dissem.store.installation import Installation
from dissem.store.vault import load_key

ROOM = 2**30  # bytes that should be free for media, database and the next backup
UNTAKEN = timedelta(minutes=2)  # a post that was due this long ago should be in somebody's hand
TOKEN = timedelta(days=14)  # a login that ends sooner is worth a word
SUNSET = timedelta(days=60)  # so is a platform's interface that does

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
            yield from _daemons(session, now)
            yield from _deliveries(session)
            yield from _channels(session, one, now)
            yield from _job_runs(session, one)

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
        yield Broken("The database file is damaged.", hint="Stop the daemon and restore the last backup.")


# What is going on


def _daemons(session: Session, now: datetime) -> Ailments:
    alive = select(Daemon.owner).where(col(Daemon.ended).is_(None), Daemon.beat > now - ALIVE)
    if session.exec(alive.limit(1)).first() is None:
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


def _channels(session: Session, installation: Installation, now: datetime) -> Ailments:
    found = session.exec(select(Channel).order_by(Channel.name)).all()
    opens = _opens(installation)
    for channel in found:
        yield from _channel(installation, channel, now, opens=opens)
    yield from _sunsets(installation, sorted({channel.platform for channel in found}), now)


def _channel(installation: Installation, channel: Channel, now: datetime, *, opens: bool) -> Ailments:
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
        yield from _login(channel, installation.adapters.of(channel), now)
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


def _login(channel: Channel, adapter: Adapter, now: datetime) -> Ailments:
    """Whether its token ends; one that the adapter renews by itself is worth a word only when that failed."""
    if channel.token_expires is None:
        return
    left = channel.token_expires - now
    hint = "Give it a new one: dissem channel connect {channel}"
    if left <= timedelta(0):
        yield DissemError("The login of channel {channel} has ended.", hint=hint, channel=channel.name)
    elif _renews(adapter):
        return
    elif left <= timedelta(days=1):
        yield DissemError("The login of channel {channel} ends within a day.", hint=hint, channel=channel.name)
    elif left <= TOKEN:
        yield DissemError(
            "The login of channel {channel} ends in {days} days.", hint=hint, channel=channel.name, days=left.days
        )


def _renews(adapter: Adapter) -> bool:
    """Whether this login is renewed by itself; of one platform some may be and others not."""
    return adapter.renews


def _sunsets(installation: Installation, platforms: Sequence[str], now: datetime) -> Ailments:
    today = local_day(now, installation.zone)
    for platform in platforms:
        try:
            facts = adapter_class(platform).facts
        except DissemError:  # said of its channels
            continue
        if facts.sunset and facts.sunset - today <= SUNSET:
            yield DissemError(
                "{platform} ends version {api} of its interface, which this dissem speaks, on {day}.",
                hint="Install a newer dissem before that day.",
                platform=facts.label,
                api=facts.api,
                day=i18n.day(facts.sunset),
            )


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
