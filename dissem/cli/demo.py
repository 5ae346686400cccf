"""`dissem demo`: the whole main job, from an empty folder to a filed report, against the rehearsal platforms.

Everything goes over real HTTP to stand-ins on this machine; nothing leaves it. Each run begins anew.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from dissem import clock
from dissem.cli.show import table, word
from dissem.errors import DissemError, NotAllowed, WrongInput
from dissem.i18n import _, moment
from dissem.models import Kind, Role

MARK = ".dissem-demo"  # a folder with this file is ours to begin anew
MATERIAL = Path(__file__).parent.parent / "rehearsal" / "material"

_SETTINGS = {
    "# allow_hosts = []": 'allow_hosts = ["127.0.0.1"]',
    '# look_again = "20 s"': 'look_again = "1 s"',  # the rehearsal keeps nobody waiting
    "[public_media]\n": '[public_media]\nfolder = "public"\nurl = "{address}"\n',
}

_STORY = """\
+++
kind = "photo"
title = "Urus KTP-el Dekat Rumah"
tags = ["Padang", "Dukcapil"]
media = [{ path = "story.jpg", alt = "Poster di depan rumah gadang: Dukcapil Keliling, Senin–Kamis, 08.30–14.00 WIB." }]
+++
Mobil layanan berhenti di halaman kantor camat setiap Senin sampai Kamis. Bawa kartu keluarga, pulang dengan KTP-el.
"""

_INFOGRAPHIC = """\
+++
kind = "infographic"
title = "Yang Perlu Dibawa ke Layanan Keliling"
tags = ["Padang", "PelayananPublik"]
link = "https://humas.padang.example/layanan-keliling"
media = [{ path = "infographic.png", alt = "Infografik: yang dapat diurus, yang perlu dibawa, sasaran per pekan." }]
+++
Simpan infografik ini sebelum berangkat. Parkir di titik layanan gratis, diatur petugas Dinas Perhubungan.
"""

_VIDEO = """\
+++
kind = "video"
title = "Tiga Detik Bersama Mobil Layanan Keliling"
tags = ["Padang", "Perhubungan"]
media = [{ path = "clip.mp4", alt = "Mobil layanan keliling melintas di depan rumah gadang di tepi pantai." }]
+++
Mobil layanan keliling kini melayani delapan trayek di sepanjang pantai.
"""


@dataclass(frozen=True)
class Play:
    """What the demo works with: the installation, the stand-ins and the people by username."""

    installation: Any
    city: Any
    people: Mapping[str, Any]

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
            _play(Play(installation, city, {}), home)
        finally:
            installation.close()


def _play(empty: Play, home: Path) -> None:
    from dissem.daemon.run import run
    from dissem.rehearsal.faults import drop_after_accepting

    play = replace(empty, people=_people(empty))
    channels = _channels(play)
    numbers = _releases(play, channels)
    _say(
        _("The answer to one post will be lost on the way: it is accepted by Mastodon, and dissem does not hear of it.")
    )
    play.city["mastodon"].script("publish", drop_after_accepting())
    _say(_("The daemon publishes each release at its time …"))
    status = run(play.installation, until_idle=True)
    read = _engagement(play)
    files = _report(play, home)
    _table(play, numbers)
    _where(home, files)
    _judge(play, numbers, status, read)


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
    wanted = (
        ("ani", "Ani Rahmawati", "kominfo", Role.AUTHOR),
        ("budi", "Budi Santoso", "kominfo", Role.APPROVER),
        ("citra", "Citra Lestari", "dishub", Role.APPROVER),
        ("dedi", "Dedi Kurnia", "dishub", Role.APPROVER),
    )
    _say(_("Two agencies and four people are entered."))
    return {u: people.add_person(nobody, u, n, agency=a, role=r)[0] for u, n, a, r in wanted}


def _channels(play: Play) -> dict[str, list[str]]:
    """The channels of each agency; every account is asked who it is."""
    from dissem.desk import channels

    made: dict[str, list[str]] = {"kominfo": [], "dishub": []}
    for place, agency in enumerate(made):
        for platform, settings, secrets in _accounts(play.city, place):
            name = f"{platform}-{agency}"
            channel, trouble = channels.add(
                play.acting(), name, platform=platform, agency=agency, settings=settings, secrets=secrets
            )
            if trouble:
                raise trouble
            made[agency].append(channel.name)
    _say(_("{count} channels are connected and checked.", count=sum(map(len, made.values()))))
    return made


def _accounts(city: Any, place: int) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Platform, settings and secrets of the *place*-th account on each platform."""
    urls = city.urls()
    x, chat = city["x"], city["telegram"].accounts[place]
    user, page = x.accounts[place], city["facebook"].accounts[place]
    yield "newsroom", {"folder": "newsroom"}, {}
    yield "mastodon", {"api_url": urls["mastodon"]}, {"access_token": city["mastodon"].accounts[place].token}
    yield (
        "telegram",
        {"api_url": urls["telegram"], "chat": f"@{chat.handle}", "staging_chat": str(city["telegram"].staging)},
        {"bot_token": city["telegram"].token},
    )
    yield (
        "x",
        {"api_url": urls["x"]},
        {
            "consumer_key": x.consumer_key,
            "consumer_secret": x.consumer_secret,
            "access_token": user.access_token,
            "access_token_secret": user.access_token_secret,
        },
    )
    yield "facebook", {"api_url": urls["facebook"], "page": page.id}, {"access_token": page.token}
    yield from _for_pictures(city, urls) if place == 0 else _for_videos(city, urls)


def _for_pictures(city: Any, urls: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Where the first agency also is."""
    for platform in ("instagram", "threads"):
        account = city[platform].accounts[0]
        yield platform, {"api_url": urls[platform], "account": account.id}, {"access_token": account.token}
    at_bluesky, at_linkedin, at_wordpress = (city[p].accounts[0] for p in ("bluesky", "linkedin", "wordpress"))
    hosts = {"api_url": urls["bluesky"], "video_url": urls["bluesky"], "web_url": urls["bluesky"]}
    yield "bluesky", {**hosts, "identifier": at_bluesky.handle}, {"app_password": at_bluesky.token}
    linkedin = {"api_url": urls["linkedin"], "organization": at_linkedin.id}
    yield "linkedin", linkedin, {"access_token": at_linkedin.token}
    wordpress = {"api_url": urls["wordpress"], "username": at_wordpress.handle}
    yield "wordpress", wordpress, {"application_password": at_wordpress.token}
    yield "webhook", {"url": city["webhook"].address}, {"signing_secret": city["webhook"].token}


def _for_videos(city: Any, urls: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Where the second agency also shows its video."""
    youtube, tiktok = city["youtube"], city["tiktok"]
    yield (
        "youtube",
        {"api_url": urls["youtube"], "token_url": urls["youtube"]},
        {
            "client_id": youtube.client_id,
            "client_secret": youtube.client_secret,
            "refresh_token": youtube.accounts[1].token,
        },
    )
    yield (
        "tiktok",
        {"api_url": urls["tiktok"], "mode": "direct"},
        {
            "client_id": tiktok.door.client_key,
            "client_secret": tiktok.door.client_secret,
            "refresh_token": tiktok.accounts[1].refresh_token,
        },
    )


def _releases(play: Play, channels: Mapping[str, Sequence[str]]) -> list[int]:
    """Four releases: written, scheduled on all channels of their agency, submitted, and approved by somebody else."""
    from dissem.desk import releases, schedule

    wanted = (
        ("ani", "budi", "kominfo", (MATERIAL / "release.md").read_text(encoding="utf-8")),
        ("ani", "budi", "kominfo", _STORY),
        ("citra", "dedi", "dishub", _INFOGRAPHIC),
        ("citra", "dedi", "dishub", _VIDEO),
    )
    numbers = []
    for author, approver, agency, text in wanted:
        release = releases.add(play.acting(author), _draft(play, text))
        number = release.id or 0
        numbers.append(number)
        due = clock.utc_now() + timedelta(seconds=3)
        schedule.schedule(play.acting(author), number, _fitting(channels[agency], release.kind), due)
        releases.submit(play.acting(author), number)
        _own_yes_is_refused(play, author, number)
        releases.approve(play.acting(approver), number)
        _say(
            _(
                "Release {number} “{title}”: by {author}, approved by {approver}, for {moment}.",
                number=number,
                title=release.title,
                author=author,
                approver=approver,
                moment=moment(due, play.installation.zone),
            )
        )
    return numbers


def _fitting(channels: Sequence[str], kind: Kind) -> list[str]:
    """Those of *channels* whose platform takes the release; the story's picture is too tall for Instagram."""
    unfit = {Kind.VIDEO: (), Kind.PHOTO: ("instagram", "youtube")}.get(kind, ("youtube",))
    return [name for name in channels if not name.startswith(unfit)]


def _draft(play: Play, text: str) -> Any:
    """The draft of *text*, read as staff hand it in: a file beside its media."""
    from dissem.desk.draft import read

    folder = play.installation.home / "material"
    if not folder.exists():
        shutil.copytree(MATERIAL, folder)
    file = folder / "rilis.md"
    file.write_text(text, encoding="utf-8")
    return read(file, now=clock.utc_now(), zone=play.installation.zone)


def _own_yes_is_refused(play: Play, author: str, number: int) -> None:
    from dissem.desk import releases

    try:
        releases.approve(play.acting(author), number)
    except NotAllowed as refusal:
        _say(_("The author's own yes is refused: {why}", why=str(refusal)))
        return
    raise DissemError("The author could approve release {number}: the gate is broken.", number=number)


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


def _report(play: Play, home: Path) -> list[Path]:
    """The report of this week, as the office files it."""
    from dissem.reports.render import render
    from dissem.reports.weekly import of_week

    report = of_week(play.installation, "this", planned=clock.utc_now(), now=_later(6))
    folder = home / "reports"
    folder.mkdir()
    files = []
    written = {"html": render(report, "html"), "json": render(report, "json"), "txt": render(report, "text")}
    for ending, text in written.items():
        file = folder / f"{report.week}.{ending}"
        file.write_text(text, encoding="utf-8")
        files.append(file)
    accounts = home / "akun.html"
    accounts.write_text(play.city.page(), encoding="utf-8")
    return [*files, accounts]


def _table(play: Play, numbers: Sequence[int]) -> None:
    from sqlmodel import col, select

    from dissem.models import Channel, Delivery, Publication, Release

    with play.installation.database.read() as session:
        rows = session.exec(
            select(Release, Channel, Delivery)
            .join(Delivery, col(Delivery.release_id) == Release.id)
            .join(Channel, col(Channel.id) == Delivery.channel_id)
            .where(col(Release.id).in_(numbers))
            .order_by(col(Release.id), col(Channel.id))
        ).all()
        published = session.exec(select(Publication).order_by(col(Publication.id).desc())).all()
    links = {p.delivery_id: p.url for p in published}  # of a thread, its first part
    _say("")
    typer.echo(
        table(
            [_("Release"), _("Channel"), _("State"), _("Link")],
            [[str(r.id), c.name, word(d.state), links.get(d.id) or "–"] for r, c, d in rows],
            empty="–",
        )
    )


def _where(home: Path, files: Sequence[Path]) -> None:
    _say("")
    _say(_("Newsroom page: {place}", place=home / "newsroom" / "index.html"))
    _say(_("The accounts as they look now: {place}", place=files[-1]))
    _say(_("This week's report: {place}", place=files[0]))


def _judge(play: Play, numbers: Sequence[int], status: int, read: Any) -> None:
    """The demo fails unless every delivery is public exactly once, on the platform's own account of it."""
    from sqlmodel import col, select

    from dissem.models import Delivery, Part, State

    with play.installation.database.read() as session:
        deliveries = session.exec(select(Delivery).where(col(Delivery.release_id).in_(numbers))).all()
        parts = len(session.exec(select(Part.id)).all())
    newsroom = len(list((play.installation.home / "newsroom" / "items").glob("*.json")))
    live = newsroom + sum(len(one.public) for one in play.city.standins)
    unfinished = [d.id for d in deliveries if d.state is not State.PUBLISHED]
    if status or unfinished or live != parts or not read.read:
        raise DissemError(
            "The demo did not end as it should: {unfinished} deliveries open, {live} posts for {parts} parts.",
            unfinished=len(unfinished),
            live=live,
            parts=parts,
        )
    _say(_("{live} posts for {parts} parts: each is there exactly once.", live=live, parts=parts))


def _say(text: str) -> None:
    typer.echo(text)
