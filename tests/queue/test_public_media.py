"""Pictures that a platform fetches itself lie open only while it may need them."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from media_host import MediaHost
from noticeboard import Noticeboard
from PIL import Image
from town import START, Town

from dissem.channels.adapter import Attachment
from dissem.channels.errors import Refused, Uncertain
from dissem.channels.network import Network
from dissem.compose.media import stored
from dissem.config import Config, PublicMedia
from dissem.errors import told
from dissem.models import Channel, State
from dissem.rehearsal.faults import error_after_accepting
from dissem.rehearsal.instagram import InstagramStandin
from dissem.store.public import PublicMedia as PublicFolder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "open"


@pytest.fixture
def config(config: Config, folder: Path) -> Config:
    public = PublicMedia(folder=str(folder), url="https://media.example/padang/")
    return config.model_copy(update={"public_media": public})


@pytest.fixture
def fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    """The noticeboard is a platform that fetches."""
    monkeypatch.setattr(Noticeboard, "facts", replace(Noticeboard.facts, fetches=True))


def _photo(town: Town, content: bytes = b"a photo") -> Attachment:
    name = hashlib.sha256(content).hexdigest()
    path = stored(town.installation.media, name, "image/jpeg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Attachment(name, path, "image/jpeg", len(content), 10, 10)


def test_a_picture_lies_open_while_it_is_published_and_not_after(town: Town, folder: Path, fetching: None) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, attachments=(_photo(town),))
    lay_open: list[int] = []
    wall.before_publish = lambda: lay_open.append(len(list(folder.iterdir())))

    town.work(3)

    assert town.see(number).state is State.PUBLISHED
    assert lay_open == [1]
    assert wall.fetched[0].startswith("https://media.example/padang/dissem-")
    assert list(folder.iterdir()) == []


def test_before_its_time_nothing_lies_open(town: Town, folder: Path, fetching: None) -> None:
    channel, _ = town.channel()
    town.delivery(channel, due=timedelta(minutes=10), attachments=(_photo(town),))

    town.work(2)

    assert not folder.exists() or list(folder.iterdir()) == []


def test_while_the_outcome_is_unknown_it_stays_for_the_platform(town: Town, folder: Path, fetching: None) -> None:
    channel, wall = town.channel()
    number = town.delivery(channel, attachments=(_photo(town),))
    wall.fails_after = [Uncertain("the line dropped")]
    town.work(2)
    assert len(list(folder.iterdir())) == 1

    town.work_for(timedelta(minutes=1), 3)

    assert town.see(number).state is State.PUBLISHED
    assert list(folder.iterdir()) == []


def test_after_a_refusal_nothing_stays(town: Town, folder: Path, fetching: None) -> None:
    channel, wall = town.channel()
    town.delivery(channel, attachments=(_photo(town),))
    wall.fails = [Refused("no")]

    town.work(3)

    assert list(folder.iterdir()) == []


def test_the_name_cannot_be_guessed_and_is_another_for_each_delivery(town: Town, fetching: None) -> None:
    channel, wall = town.channel()
    photo = _photo(town)
    town.delivery(channel, "satu", attachments=(photo,))
    town.delivery(channel, "dua", attachments=(photo,))

    town.work(5)

    assert len(set(wall.fetched)) == 2
    assert all(photo.sha256 not in address for address in wall.fetched)


def test_what_a_dead_process_left_is_tidied_away(town: Town, folder: Path) -> None:
    folder.mkdir()
    (folder / "dissem-left").write_bytes(b"x")
    (folder / "somebody-elses").write_bytes(b"x")
    public = town.installation.public_media

    assert public.tidy(datetime.now(UTC)) == 0
    assert public.tidy(datetime.now(UTC) + timedelta(hours=27)) == 1
    assert [file.name for file in folder.iterdir()] == ["somebody-elses"]


class TestWhatIsShown:
    """The folder is proved by fetching a file from it, as platforms do."""

    @pytest.fixture
    def host(self, folder: Path) -> Iterator[MediaHost]:
        with MediaHost(folder) as host:
            yield host

    @staticmethod
    def complaint(folder: Path | None, url: str, allowed: str = "127.0.0.1") -> str:
        found = PublicFolder(folder, url, b"key").ailment(Network(frozenset({allowed})))
        return f"{found} {found.hint}" if found else ""

    def test_a_folder_that_is_shown_as_it_is_has_no_ailment_and_nothing_stays(
        self, folder: Path, host: MediaHost
    ) -> None:
        assert self.complaint(folder, f"{host.url}/") == ""

        assert list(folder.iterdir()) == []
        assert len(host.asked) == 1
        assert host.asked[0].startswith("/dissem-")
        assert len(host.asked[0]) > 40

    def test_a_web_server_that_is_another_user_may_read_a_folder_of_ours_and_not_list_it(
        self, folder: Path, host: MediaHost
    ) -> None:
        before = os.umask(0o077)
        try:
            self.complaint(folder, host.url)
        finally:
            os.umask(before)

        assert folder.stat().st_mode & 0o777 == 0o711

    def test_every_look_has_a_name_of_its_own(self, folder: Path, host: MediaHost) -> None:
        for _ in range(2):
            self.complaint(folder, host.url)

        assert len(set(host.asked)) == 2

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ((404, {}, b""), "does not show what lies in"),
            ((301, {"Location": "https://www.padang.go.id/"}, b""), "leads on to another address (HTTP 301)"),
            ((403, {}, b""), "does not show its files to everybody (HTTP 403)"),
            ((502, {}, b""), "answers with HTTP 502"),
            ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<h1>Halo"), "shows a web page"),
            ((200, {"Content-Type": "image/jpeg"}, b"other"), "gives other bytes"),
            ((200, {"Content-Type": "image/jpeg"}, b""), "gives other bytes"),
        ],
        ids=["404", "redirect", "login", "trouble", "page", "bytes", "empty"],
    )
    def test_each_wrong_answer_has_its_sentence(
        self,
        folder: Path,
        host: MediaHost,
        monkeypatch: pytest.MonkeyPatch,
        answer: tuple[int, dict[str, str], bytes],
        told: str,
    ) -> None:
        monkeypatch.setattr(host, "found", lambda path: answer)

        complaint = self.complaint(folder, host.url)

        assert told in complaint
        assert host.url in complaint
        assert "dissem-" not in complaint
        assert list(folder.iterdir()) == []

    def test_a_type_that_is_not_the_files_is_told(self, folder: Path, host: MediaHost) -> None:
        host.kind = "application/octet-stream"

        assert "calls a JPEG picture application/octet-stream" in self.complaint(folder, host.url)

    def test_another_folder_than_the_one_that_is_shown_is_told(self, tmp_path: Path, host: MediaHost) -> None:
        elsewhere = tmp_path / "elsewhere"

        assert f"does not show what lies in {elsewhere}" in self.complaint(elsewhere, host.url)

    def test_a_server_that_does_not_run_is_told(self, folder: Path) -> None:
        assert "Nothing answers at http://127.0.0.1:9" in self.complaint(folder, "http://127.0.0.1:9")

    def test_an_address_that_is_not_public_is_told_with_the_way_to_allow_it(
        self, folder: Path, host: MediaHost
    ) -> None:
        complaint = self.complaint(folder, host.url, allowed="cms.padang.example")

        assert "not a public https address" in complaint
        assert "allow_hosts" in complaint
        assert host.asked == []

    def test_a_folder_nobody_may_write_is_told(self, tmp_path: Path, host: MediaHost) -> None:
        taken = tmp_path / "taken"
        taken.write_bytes(b"a file")

        assert f"Nothing can be put into the public folder {taken / 'inside'}" in self.complaint(
            taken / "inside", host.url
        )

    @pytest.mark.parametrize(("named", "url"), [(True, ""), (False, "https://media.example")])
    def test_one_setting_without_the_other_is_told(self, folder: Path, named: bool, url: str) -> None:
        assert "needs both folder and url" in self.complaint(folder if named else None, url)


class TestWithoutAFolder:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return config.model_copy(update={"public_media": PublicMedia()})

    def test_it_is_refused_and_says_what_to_set(self, town: Town, fetching: None) -> None:
        channel, wall = town.channel()
        number = town.delivery(channel, attachments=(_photo(town),))

        town.work(2)

        assert town.see(number).state is State.REFUSED
        assert "[public_media]" in told(town.see(number).reason)
        assert wall.publishes == 0


class TestInstagram:
    """The whole way over real HTTP: a folder, a web server, and Instagram that fetches from it."""

    @pytest.fixture
    def host(self, folder: Path) -> Iterator[MediaHost]:
        with MediaHost(folder) as host:
            yield host

    @pytest.fixture
    def config(self, config: Config, host: MediaHost) -> Config:
        public = PublicMedia(folder=config.public_media.folder, url=host.url)
        return config.model_copy(update={"public_media": public})

    @pytest.fixture
    def instagram(self) -> Iterator[InstagramStandin]:
        with InstagramStandin() as standin:
            yield standin

    @pytest.fixture
    def channel(self, town: Town, instagram: InstagramStandin) -> Channel:
        settings = {"api_url": instagram.url, "upload_url": instagram.url, "account": instagram.account}
        with town.installation.database.write() as session:
            channel = Channel(
                name="ig",
                platform="instagram",
                agency="kominfo",
                settings=settings,
                account=instagram.account,
                created=START,
            )
            session.add(channel)
            session.flush()
            secrets = {"access_token": instagram.token}
            channel.secrets = town.installation.adapters.seal(channel, secrets)
            session.add(channel)
        return channel

    def test_an_instagram_error_4_2207051_with_the_post_live_is_published_not_failed(
        self, town: Town, folder: Path, instagram: InstagramStandin, channel: Channel
    ) -> None:
        held = BytesIO()
        Image.new("RGB", (80, 60)).save(held, "JPEG")
        number = town.delivery(channel, "Halo", attachments=(_photo(town, held.getvalue()),))
        blocked = {"message": "M", "code": 4, "error_subcode": 2207051, "type": "OAuthException"}
        instagram.script("publish", error_after_accepting(400, {"error": blocked}))

        town.work_for(timedelta(minutes=1), 10)

        (live,) = instagram.public
        assert town.see(number).state is State.PUBLISHED
        assert [publication.remote_id for publication in town.publications(number)] == [live.id]
        assert live.media[0].bytes == held.getvalue()
        assert list(folder.iterdir()) == []
