"""Pictures that a platform fetches itself lie open only while it may need them."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from noticeboard import Noticeboard
from town import Town

from dissem.channels.adapter import Attachment
from dissem.channels.errors import Refused, Uncertain
from dissem.compose.media import stored
from dissem.config import Config, PublicMedia
from dissem.errors import told
from dissem.models import State


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


def _photo(town: Town) -> Attachment:
    content = b"a photo"
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

    from datetime import UTC, datetime

    assert public.tidy(datetime.now(UTC)) == 0
    assert public.tidy(datetime.now(UTC) + timedelta(hours=27)) == 1
    assert [file.name for file in folder.iterdir()] == ["somebody-elses"]


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
