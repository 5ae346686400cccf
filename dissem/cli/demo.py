"""`dissem demo`: the whole main job, from an empty folder to a filed report, against the rehearsal platforms.

Everything goes over real HTTP to stand-ins on this machine; nothing leaves it. Each run begins anew.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from dissem import clock
from dissem.cli.show import table, word
from dissem.errors import DissemError, NotAllowed, WrongInput, told
from dissem.i18n import _
from dissem.models import Role

MARK = ".dissem-demo"  # a folder with this file is ours to begin anew
MATERIAL = Path(__file__).parent.parent / "rehearsal" / "material"
NEWSROOM = "https://humas.example.com"  # where a web server would show it: a name that belongs to nobody

_SETTINGS = {
    "# allow_hosts = []": 'allow_hosts = ["127.0.0.1"]',
    '# look_again = "20 s"': 'look_again = "1 s"',  # the rehearsal keeps nobody waiting
    "[public_media]\n": '[public_media]\nfolder = "public"\nurl = "{address}"\n',
}

_RELEASES = (  # a file of the material, its author, who approves it
    ("release.md", "ani", "budi"),
    ("story.md", "ani", "budi"),
    ("reel.md", "ani", "budi"),
    ("infographic.md", "citra", "dedi"),
    ("clip.md", "citra", "dedi"),
)
_UNFIT = {  # platforms that do not take this material
    "release.md": ("facebook-story", "instagram-story", "youtube"),  # photos across, and a story has no words
    "story.md": ("email", "apprise", "youtube"),  # nothing but a picture
    "reel.md": ("email", "apprise"),
    "infographic.md": ("youtube",),
    "clip.md": (),
}
_PEOPLE = (
    ("ani", "Ani Rahmawati", "kominfo", Role.AUTHOR),
    ("budi", "Budi Santoso", "kominfo", Role.APPROVER),
    ("citra", "Citra Lestari", "dishub", Role.APPROVER),
    ("dedi", "Dedi Kurnia", "dishub", Role.APPROVER),
)


@dataclass(frozen=True)
class Play:
    """What the demo works with: the installation, the stand-ins and the people by username."""

    installation: Any
    city: Any
    people: Mapping[str, Any]

    @property
    def home(self) -> Path:
        home: Path = self.installation.home
        return home

    def acting(self, username: str | None = None) -> Any:
        from dissem.desk.acting import Acting

        return Acting(self.installation, self.people[username] if username else None)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help=_("Folder of the demo."))] = Path("demo"),
) -> None:
    """Play the whole main job against the rehearsal platforms, then say where to look."""
    home = folder.resolve()
    _fresh(home)
    with _city() as city, _web_server(home / "public") as address:
        installation = _laid_out(home, address)
        try:
            _play(Play(installation, city, {}))
        finally:
            installation.close()


def _play(empty: Play) -> None:
    from dissem.daemon.run import run
    from dissem.rehearsal.faults import drop_after_accepting

    play = replace(empty, people=_people(empty))
    channels = _channels(play)
    for file, author, approver in _RELEASES:
        _release(play, channels, file, author, approver)
    _say(
        _("The answer to one post will be lost on the way: it is accepted by Mastodon, and dissem does not hear of it.")
    )
    play.city["mastodon"].script("publish", drop_after_accepting())
    _say(_("The daemon publishes each release at its time …"))
    status = run(play.installation, until_idle=True)
    _followed(play)
    _handed_over(play)
    _left_out(play)
    read = _engagement(play)
    files = _report(play)
    _table(play)
    _where(play, files)
    _judge(play, status, read)


def _fresh(home: Path) -> None:
    """An empty folder; an earlier demo is begun anew, anything else is left alone."""
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).is_file():
            raise WrongInput("{home} is not empty and not a demo.", hint="Name another folder with --dir.", home=home)
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / MARK).touch()


@contextmanager
def _city() -> Iterator[Any]:
    """All stand-ins, with an account on each for two agencies where both use it."""
    from dissem.rehearsal.city import PLATFORMS, City, standin
    from dissem.rehearsal.facebook import SAMPLE as PAGE
    from dissem.rehearsal.facebook import FacebookStandin
    from dissem.rehearsal.x import XStandin
    from dissem.rehearsal.x_door import SAMPLE as USER

    name = "Dinas Perhubungan (gladi)"
    other_user = replace(
        USER,
        id="1640000000000000002",
        handle="dishubrehearsal",
        name=name,
        token="gladi-x-dishub",  # noqa: S106 — opens nothing but the stand-in
        access_token="1640000000000000002-gladiDishub",  # noqa: S106
    )
    other_page = replace(PAGE, id="104000000000002", handle="dishub.gladi", name=name, token="gladi-page-dishub")  # noqa: S106
    made: dict[str, Any] = {
        "x": XStandin(accounts=(USER, other_user)),
        "facebook": FacebookStandin(accounts=(PAGE, other_page)),
    }
    city = City(*(made.get(platform) or standin(platform) for platform in PLATFORMS))
    for platform, patience in (
        ("instagram", "processing_polls"),
        ("threads", "processing_polls"),
        ("tiktok", "polls"),
        ("youtube", "polls"),
    ):
        setattr(city[platform], patience, 0)  # at once: their users wait for half a minute, the demo does not
    with city:
        yield city


@contextmanager
def _web_server(folder: Path) -> Iterator[str]:
    """The web server of the office, which shows *folder* to platforms that fetch; answers its address."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _laid_out(home: Path, address: str) -> Any:
    """An installation that may speak to this machine."""
    from dissem.cli.init import init
    from dissem.config import FILE
    from dissem.store.installation import Installation

    init(home, admin="admin", office="Kota Padang (gladi)", timezone="Asia/Jakarta")
    settings = (home / FILE).read_text(encoding="utf-8")
    for default, ours in _SETTINGS.items():
        settings = settings.replace(default, ours.replace("{address}", address))
    (home / FILE).write_text(settings, encoding="utf-8")
    return Installation.open(home)


def _people(play: Play) -> dict[str, Any]:
    """Two agencies, an author and an approver in each."""
    from dissem.desk import people

    nobody = play.acting()
    for code, name in (("kominfo", "Dinas Komunikasi dan Informatika"), ("dishub", "Dinas Perhubungan")):
        people.add_agency(nobody, code, name)
    _say(_("Two agencies and four people are entered."))
    return {u: people.add_person(nobody, u, n, agency=a, role=r)[0] for u, n, a, r in _PEOPLE}


def _channels(play: Play) -> dict[str, list[str]]:
    """The channels of each agency, by platform; every account is asked who it is."""
    from dissem.desk import channels

    made: dict[str, list[str]] = {"kominfo": [], "dishub": []}
    for place, agency in enumerate(made):
        for platform, settings, secrets in _accounts(play, place):
            name = f"{platform}-{agency}"
            _channel, trouble = channels.add(
                play.acting(), name, platform=platform, agency=agency, settings=settings, secrets=secrets
            )
            if trouble:
                raise trouble
            made[agency].append(platform)
    count, platforms = sum(map(len, made.values())), len({one for names in made.values() for one in names})
    _say(_("{count} channels on {platforms} platforms are connected and checked.", count=count, platforms=platforms))
    return made


def _accounts(play: Play, place: int) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Platform, settings and secrets of the *place*-th agency's accounts."""
    from dissem.rehearsal.channels import BOTH, EVERYWHERE, login

    yield "newsroom", {"folder": "newsroom", "base_url": NEWSROOM}, {}
    for platform in BOTH if place else EVERYWHERE:
        if platform == "apprise" and not find_spec("apprise"):
            _say(_("The channel for apprise is left out: its extra is not installed."))
            continue
        yield platform, *login(play.city, platform, place)
    if not place:
        yield "whatsapp", {"folder": "whatsapp"}, {}


def _release(play: Play, channels: Mapping[str, Sequence[str]], file: str, author: str, approver: str) -> None:
    """Written, scheduled on every channel of its agency that takes it, submitted, and approved by somebody else."""
    from dissem.desk import releases, schedule

    writing, agency = play.acting(author), play.people[author].agency
    release = releases.add(writing, _draft(play, file))
    number = release.id or 0
    fitting = [platform for platform in channels[agency] if platform not in _UNFIT[file]]
    due = clock.utc_now() + timedelta(seconds=2)
    schedule.schedule(writing, number, [f"{platform}-{agency}" for platform in fitting], due)
    releases.submit(writing, number)
    _own_yes_is_refused(play, author, number)
    releases.approve(play.acting(approver), number)
    _say(
        _(
            "Release {number} “{title}” for {count} channels: by {author}, approved by {approver}.",
            number=number,
            title=release.title,
            count=len(fitting),
            author=author,
            approver=approver,
        )
    )


def _draft(play: Play, name: str) -> Any:
    """The draft of a file of the material, read as staff hand it in: beside its media."""
    from dissem.desk.draft import read

    folder = play.home / "material"
    if not folder.exists():
        shutil.copytree(MATERIAL, folder)
    return read(folder / name, now=clock.utc_now(), zone=play.installation.zone)


def _own_yes_is_refused(play: Play, author: str, number: int) -> None:
    from dissem.desk import releases

    try:
        releases.approve(play.acting(author), number)
    except NotAllowed as refusal:
        if play.people[author].role is Role.APPROVER or number == 1:
            _say(_("The author's own yes is refused: {why}", why=str(refusal)))
        return
    raise DissemError("The author could approve release {number}: the gate is broken.", number=number)


def _followed(play: Play) -> None:
    """The press release went to the newsroom first; the others waited for its link."""
    from sqlmodel import col, select

    from dissem.models import Delivery, Publication

    with play.installation.database.read() as session:
        followers = session.exec(select(Delivery).where(col(Delivery.follows).is_not(None))).all()
        query = select(Publication.url).where(Publication.delivery_id == followers[0].follows)
        link = session.exec(query).first()
    _say(_("The newsroom went first: {count} other channels show its link, {link}", count=len(followers), link=link))


def _handed_over(play: Play) -> None:
    """What dissem cannot post itself lies ready; the officer posts it by hand and says where it is."""
    from sqlmodel import col, select

    from dissem.desk import verdicts
    from dissem.models import Delivery, Held

    with play.installation.database.read() as session:
        query = select(Delivery.id).where(Delivery.held == Held.HANDED).order_by(col(Delivery.id))
        handed = list(session.exec(query).all())
    for number in handed:
        link = f"https://whatsapp.com/channel/0029VaGladiHumas/{100 + (number or 0)}"
        verdicts.resolve(play.acting("budi"), number or 0, published=link)
    _say(
        _(
            "WhatsApp has no way in for programs: {count} posts lay ready in {folder}; budi posted them and said so.",
            count=len(handed),
            folder=play.home / "whatsapp",
        )
    )


def _left_out(play: Play) -> None:
    """Whom the press list could not reach: it stopped nobody else."""
    from dissem.desk import recipients

    wanted, left_out = recipients.listed(play.acting(), "email-kominfo")
    for one in left_out:
        _say(
            _(
                "The mail reached {count} of {all} addresses. {recipient} is left out from now on: {why}",
                count=len(wanted),
                all=len(wanted) + len(left_out),
                recipient=one.recipient,
                why=told(one.reason),
            )
        )


def _engagement(play: Play) -> Any:
    """A few hours are made to pass on the platforms, then their counts are read."""
    from dissem.engagement.collect import collect

    hours = 6
    play.city.let_pass(timedelta(hours=hours))
    read = collect(play.installation, now=_later(hours), limit=1000)
    _say(_("{hours} hours later the engagement of {count} posts is read.", hours=hours, count=read.read))
    return read


def _later(hours: int) -> datetime:
    return clock.utc_now() + timedelta(hours=hours, minutes=1)


def _report(play: Play) -> list[Path]:
    """The report of this week, as the office files it."""
    from dissem.reports.render import render
    from dissem.reports.weekly import of_week

    report = of_week(play.installation, "this", planned=clock.utc_now(), now=_later(6))
    folder = play.home / "reports"
    folder.mkdir()
    files = []
    written = {"html": render(report, "html"), "json": render(report, "json"), "txt": render(report, "text")}
    for ending, text in written.items():
        file = folder / f"{report.week}.{ending}"
        file.write_text(text, encoding="utf-8")
        files.append(file)
    accounts = play.home / "akun.html"
    accounts.write_text(play.city.page(), encoding="utf-8")
    return [*files, accounts]


def _table(play: Play) -> None:
    from sqlmodel import col, select

    from dissem.models import Channel, Delivery, Publication

    with play.installation.database.read() as session:
        rows = session.exec(
            select(Channel, Delivery)
            .join(Delivery, col(Delivery.channel_id) == Channel.id)
            .order_by(col(Delivery.release_id), col(Channel.id))
        ).all()
        published = session.exec(select(Publication).order_by(col(Publication.id).desc())).all()
    links = {p.delivery_id: p.url for p in published}  # of a thread, its first part
    _say("")
    typer.echo(
        table(
            [_("Release"), _("Channel"), _("State"), _("Link")],
            [[str(d.release_id), c.name, word(d.state), links.get(d.id) or "–"] for c, d in rows],
            empty="–",
        )
    )


def _where(play: Play, files: Sequence[Path]) -> None:
    _say("")
    _say(_("Newsroom page: {place}", place=play.home / "newsroom" / "index.html"))
    _say(_("The accounts as they look now: {place}", place=files[-1]))
    _say(_("This week's report: {place}", place=files[0]))


def _judge(play: Play, status: int, read: Any) -> None:
    """The demo fails unless every delivery is published, and each platform counts as many posts as we have proofs."""
    from sqlmodel import col, select

    from dissem.models import Channel, Delivery, Publication, State

    with play.installation.database.read() as session:
        unfinished = session.exec(select(Delivery.id).where(Delivery.state != State.PUBLISHED)).all()
        platforms = session.exec(
            select(Channel.platform)
            .join(Publication, col(Publication.channel_id) == Channel.id)
            .where(col(Publication.published).is_not(None))
        ).all()
    ours, theirs = Counter(_standin_of(platform) for platform in platforms), _counted_there(play)
    wrong = sorted(name for name in ours | theirs if ours[name] != theirs[name])
    if status or unfinished or wrong or not read.read:
        raise DissemError(
            "The demo did not end as it should: {unfinished} deliveries open, other counts on {platforms}.",
            unfinished=len(unfinished),
            platforms=", ".join(wrong) or "–",
        )
    _say(
        _(
            "{count} posts on {platforms} platforms, counted there: each is public exactly once.",
            count=ours.total(),
            platforms=len(set(platforms)),
        )
    )


def _standin_of(platform: str) -> str:
    from dissem.rehearsal.channels import HOSTS

    return HOSTS.get(platform, platform)


def _counted_there(play: Play) -> Counter[str]:
    """How many posts each platform shows, by its own count: stand-ins, the newsroom's items, folders that lie ready."""
    live = Counter({one.name: len(one.public) for one in play.city.standins})
    live["newsroom"] = len(list((play.home / "newsroom" / "items").glob("*.json")))
    live["whatsapp"] = len([one for one in (play.home / "whatsapp").iterdir() if one.is_dir()])
    return live


def _say(text: str) -> None:
    typer.echo(text)
