"""The receiver takes what apprise's JSON plugin documents, and nothing else."""

import base64

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.apprise import LONGEST, AppriseStandin

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\0" + b"\0" * 40


@pytest.fixture
def room(clock):
    with AppriseStandin(now=clock) as running:
        yield running
    assert running.accidents == []


def notify(room, password=None, **changes):
    body = {"version": "1.0", "title": "", "message": "Jembatan dibuka.", "attachments": [], "type": "info", **changes}
    body = {name: value for name, value in body.items() if value is not ...}
    auth = ("ruang-humas", room.token if password is None else password)
    return requests.post(f"{room.url}/kabar", json=body, auth=auth, timeout=5)


def test_a_notification_is_public_and_people_can_open_it(room, clock):
    status = notify(room).status_code

    (live,) = room.public
    assert (status, live.text, live.at) == (204, "Jembatan dibuka.", clock())
    assert "Jembatan dibuka." in requests.get(live.url, timeout=5).text


def test_a_title_stands_above_the_message_and_an_attachment_is_kept(room):
    file = {"filename": "a.png", "base64": base64.b64encode(PNG).decode(), "mimetype": "image/png"}

    notify(room, title="Judul", attachments=[file])

    assert room.public[0].text == "Judul\n\nJembatan dibuka."
    assert [(stored.bytes, stored.type) for stored in room.public[0].media] == [(PNG, "image/png")]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "2.0"},
        {"type": "alarm"},
        {"message": ""},
        {"message": "x" * (LONGEST + 1)},
        {"message": 7},
        {"message": ...},
        {"priority": "high"},
        {"attachments": [{"filename": "a"}]},
        {"attachments": [{"filename": "a", "base64": "!", "mimetype": "image/png"}]},
    ],
    ids=repr,
)
def test_anything_else_is_refused(room, changes):
    assert notify(room, **changes).status_code == 422
    assert room.public == []


def test_a_wrong_password_opens_nothing(room):
    assert notify(room, password="x").status_code == 401
    assert room.public == []


def test_a_form_is_not_json(room):
    auth = ("ruang-humas", room.token)

    assert requests.post(f"{room.url}/kabar", data={"message": "x"}, auth=auth, timeout=5).status_code == 415


def test_a_script_makes_it_answer_otherwise(room):
    room.script("publish", faults.refuse(), faults.throttle(3))

    assert [notify(room).status_code for _ in range(3)] == [400, 429, 204]
    assert len(room.public) == 1
