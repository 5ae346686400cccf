"""The report of one release: who said yes, where it went, what it reached, what failed and what nobody could read."""

import json
from datetime import date
from typing import Any

import pytest
from counted import DAY, HOUR, MONDAY, Town

from dissem.desk.acting import Acting
from dissem.errors import DissemError, NotAllowed, NotFound
from dissem.models import Approval, Attempt, Channel, Evidence, Held, Person, Reading, Release, Role, State
from dissem.reports.page_release import page
from dissem.reports.release import ReleaseReport
from dissem.reports.release_rows import of_release
from dissem.reports.render import render
from dissem.store.installation import Installation

PRINTED = date(2026, 11, 30)


@pytest.fixture
def town(installation: Installation) -> Town:
    town = Town(installation)
    for code in ("kominfo", "dishub"):
        town.agency(code)
    return town


@pytest.fixture
def release(town: Town) -> Release:
    return town.release("Jembatan ditutup")


def life(town: Town, installation: Installation, release: Release, who: Person | None = None) -> ReleaseReport:
    return of_release(Acting(installation, who or town.author), release.id or 0, printed=PRINTED)


def told(made: ReleaseReport) -> Any:
    return json.loads(render(made, "json"))


def person(town: Town, name: str, role: Role, agency: str = "kominfo") -> Person:
    return town.keep(
        Person(username=name, name=name.title(), role=role, agency=agency, token_hash=name, created=MONDAY)
    )


def approve(town: Town, release: Release, by: Person, **said: Any) -> None:
    known = {"content_hash": "x", "author_id": release.author_id, "editor_id": release.editor_id, "at": MONDAY}
    town.keep(Approval(release_id=release.id or 0, approver_id=by.id or 0, **{**known, **said}))


def test_what_it_reached_is_the_last_known_value_of_each_post_added_up(
    installation: Installation, town: Town, release: Release
) -> None:
    first = town.published(town.channel("a"), MONDAY, release, url="https://a.example/1")
    second = town.published(town.channel("b"), MONDAY + HOUR, release)
    town.sample(first, MONDAY + HOUR, views=10, likes=1)
    town.sample(first, MONDAY + DAY, views=40)  # likes were not told this time
    town.sample(second, MONDAY + 2 * HOUR, views=5)

    made = life(town, installation, release)

    assert (made.gained["views"], made.gained["likes"], made.gained["shares"], made.interactions) == (45, 1, None, 1)
    assert [(point.hours, point.gained["views"]) for point in made.growth] == [(1, 10), (6, 15), (24, 45)]
    assert [one.gained["views"] for one in made.channels] == [40, 5]
    assert made.channels[0].links[0].url == "https://a.example/1"


def test_the_approval_that_counts_is_the_one_that_was_not_voided(
    installation: Installation, town: Town, release: Release
) -> None:
    rudi, dewi = (person(town, name, Role.APPROVER) for name in ("rudi", "dewi"))
    approve(town, release, rudi, voided=MONDAY + HOUR)
    approve(town, release, dewi, at=MONDAY + 2 * HOUR)

    made = life(town, installation, release)

    assert [one.by for one in made.approvals] == ["Rudi", "Dewi"]
    assert "Approved by Dewi on Monday, 23 November 2026 at 02:00 WIB." in page(made).summary


def test_what_people_did_comes_from_the_audit_record(installation: Installation, town: Town, release: Release) -> None:
    delivery = town.delivery(release, town.channel("a"))
    acting = Acting(installation, town.author, lambda: MONDAY)
    with acting.write() as session:
        acting.record(session, "release.submit", f"release {release.id}")
        acting.record(session, "delivery.cancel", f"delivery {delivery.id}")
        acting.record(session, "release.submit", f"release {release.id}0")

    steps = life(town, installation, release).steps

    assert [(one.action, one.by, one.channel) for one in steps] == [
        ("release.submit", "Siti", None),
        ("delivery.cancel", "Siti", "a"),
    ]


def test_what_failed_and_what_is_held_stands_there_with_its_reason(
    installation: Installation, town: Town, release: Release
) -> None:
    reason = DissemError("The picture is too wide.").reason()
    town.delivery(release, town.channel("a"), state=State.REFUSED, reason=reason)
    held = town.held(release, town.channel("b"), Held.UNKNOWN)
    part = town.publication(held, None)
    town.keep(
        Attempt(
            part_id=part.part_id,
            delivery_id=held.id or 0,
            number=1,
            fence=1,
            owner="x",
            fingerprint="f",
            started=MONDAY,
            outcome=Evidence.UNCERTAIN.value,
        )
    )

    made = life(town, installation, release)

    rows = told(made)["channels"]
    assert [(row["state"], row["held"], row["reason"]) for row in rows] == [
        ("refused", None, "The picture is too wide."),
        ("held", "unknown", None),
    ]
    assert [(one.channel, one.outcome) for one in made.tries] == [("b", "uncertain")]
    assert {"Waiting for a person, or being looked up: b.", "Refused or missed: a."} <= set(page(made).notes)


def test_what_could_not_be_read_is_told_with_why(installation: Installation, town: Town, release: Release) -> None:
    channels = [town.channel(name, platform="mastodon") for name in ("read", "failing", "unread")]
    posts = [town.published(channel, MONDAY, release) for channel in channels]
    town.sample(posts[0], MONDAY + HOUR, likes=3)
    with installation.database.write() as session:
        for sample in town.samples():
            sample.missing = {"shares": "hidden"}
            session.merge(sample)
    reason = DissemError("The login was refused.").reason()
    town.keep(Reading(channel_id=channels[1].id or 0, failing=MONDAY, reason=reason))

    made = life(town, installation, release)

    section = next(one for one in page(made).sections if one.key == "untold")
    rows = [row.cells for row in section.blocks[0].rows]  # type: ignore[union-attr]
    assert ("read", "Shares", "The account hides it.") in rows
    assert ("read", "Views, Reach, Saves, Clicks, Seconds watched", "This platform does not count it.") in rows
    assert ("failing", "All", "The login was refused.") in rows
    assert ("unread", "All", "Not read yet.") in rows


def test_a_release_that_went_nowhere_has_a_report_in_every_form(
    installation: Installation, town: Town, release: Release
) -> None:
    made = life(town, installation, release)

    assert (made.growth, made.interactions, made.approved) == ((), None, None)
    assert "Not approved: draft." in render(made, "text")
    assert render(made, "pdf").startswith(b"%PDF-")
    assert render(made, "xlsx").startswith(b"PK")


def test_it_is_for_those_who_may_see_the_release(installation: Installation, town: Town, release: Release) -> None:
    with pytest.raises(NotAllowed):
        life(town, installation, release, person(town, "joko", Role.AUTHOR, "dishub"))
    with pytest.raises(NotFound):
        of_release(Acting(installation, town.author), 404)


def test_posts_that_were_taken_down_are_marked(installation: Installation, town: Town, release: Release) -> None:
    channel: Channel = town.channel("a")
    town.published(channel, MONDAY, release, url="https://a.example/1", removed=MONDAY + DAY)

    made = life(town, installation, release)

    assert made.channels[0].links[0].gone is True
    assert "No longer to be seen: a." in page(made).notes
