"""Many answers at once into the ledger: each as it was told, on both kinds of database."""

from typing import Any

import pytest
from counted import HOUR, MONDAY, Board, Town
from sqlmodel import col, select

from dissem.channels.adapter import Counts, Facts, Why
from dissem.engagement.collect import Collected, collect
from dissem.models import Engagement, EngagementDay
from dissem.store.installation import Installation

VIEWS = frozenset({"views"})


def answering(boards: dict[str, Board], name: str, counts: Counts, batch: int = 100) -> None:
    boards[name] = Board(Facts(label="Board", text=500, counts=VIEWS, batch=batch))
    boards[name].otherwise = counts


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"teks": 'Banjir "surut" di Padang\n100 % — 日本 🎉', "null": None},
        {"dalam": [{"nilai": [1, 2.5, True]}, []], "besar": 2**53 + 1},
    ],
    ids=["nothing", "text", "nested"],
)
def test_what_a_platform_told_is_kept_as_it_was(
    installation: Installation, town: Town, boards: dict[str, Board], raw: dict[str, Any]
) -> None:
    town.published(town.channel("board"), MONDAY)
    answering(boards, "board", Counts(views=2**40, raw=raw))

    collect(installation, now=MONDAY + HOUR, limit=10)

    (sample,) = town.samples()
    assert (sample.raw, sample.views) == (raw, 2**40)


def test_a_sample_that_lacks_nothing_says_nothing_of_it(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    for name, counts in (("full", Counts(views=1)), ("empty", Counts(why={"views": Why.FEW}))):
        town.published(town.channel(name), MONDAY)
        answering(boards, name, counts)

    collect(installation, now=MONDAY + HOUR, limit=10)

    with installation.database.read() as session:
        full = session.exec(select(Engagement.views).where(col(Engagement.missing).is_(None))).all()
    assert full == [1]


def test_more_answers_than_one_transaction_takes_are_all_counted_once(
    installation: Installation, town: Town, boards: dict[str, Board]
) -> None:
    channel = town.channel("board")
    posts = [town.published(channel, MONDAY) for _ in range(20)]
    answering(boards, "board", Counts(views=3), batch=1)

    result = collect(installation, now=MONDAY + HOUR, limit=100)

    assert result == Collected(read=20)
    assert [sample.publication_id for sample in town.samples()] == [post.id for post in posts]
    with installation.database.read() as session:
        (day,) = session.exec(select(EngagementDay)).all()
    assert (day.samples, day.views, day.closed) == (20, 60, False)
