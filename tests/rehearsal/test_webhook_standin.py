"""The receiver of webhooks is as strict as Standard Webhooks lets it be, and takes an id only once."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
import requests
from media_host import MediaHost

from dissem.rehearsal import faults
from dissem.rehearsal.webhook import WebhookStandin

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\0" + b"\0" * 40


@pytest.fixture
def receiver(clock):
    with WebhookStandin(now=clock) as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def host():
    with MediaHost() as host:
        yield host


def release(identity="msg_1", **changes):
    return {
        "id": identity,
        "kind": "press_release",
        "title": "Jalan ditutup",
        "text": "Jalan Sudirman ditutup.",
        "body": "Jalan **Sudirman** ditutup.",
        "tags": ["Padang"],
        "link": None,
        "language": "id",
        "created": "2026-11-23T02:10:00+00:00",
        "agency": "Dinas Perhubungan",
        "media": [],
        **changes,
    }


def event(data, kind="release.published", **changes):
    return {"type": kind, "timestamp": "2026-11-24T05:00:00+00:00", "data": data, **changes}


def picture(address, content=PNG, **changes):
    told = {"sha256": hashlib.sha256(content).hexdigest(), "type": "image/png", "size": len(content), "alt": "Balai"}
    return {**told, "width": 8, "height": 8, "duration": None, "url": address, **changes}


def send(receiver, told, identity="msg_1", *, secret=None, at=None, body=None, headers=(), signature=None):
    """Sign as a sender does; a header with the value None is left out."""
    body = json.dumps(told).encode() if body is None else body
    time = str(int((at or receiver.clock()).timestamp()))
    key = base64.b64decode((secret or receiver.token).removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, f"{identity}.{time}.".encode() + body, "sha256").digest()).decode()
    given = {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": time,
        "webhook-signature": signature or f"v1,{digest}",
        **dict(headers),
    }
    sent = {name: value for name, value in given.items() if value is not None}
    return requests.post(receiver.address, data=body, headers=sent, timeout=5)


def test_a_release_is_taken_shown_and_named(receiver):
    answer = send(receiver, event(release()))

    (live,) = receiver.public
    assert answer.status_code == 201
    assert answer.json() == {"id": 1, "url": live.url}
    assert (live.id, live.text) == ("msg_1", "Jalan Sudirman ditutup.")
    assert "Jalan Sudirman ditutup." in requests.get(live.url, timeout=5).text


@pytest.mark.parametrize("known_status", [200, 409])
def test_an_id_is_taken_only_once(receiver, known_status):
    receiver.known_status = known_status
    first = send(receiver, event(release()))

    again = send(receiver, event(release(text="Lain.")))

    assert (again.status_code, again.json()) == (known_status, first.json())
    assert [live.text for live in receiver.public] == ["Jalan Sudirman ditutup."]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"headers": {"webhook-id": None}}, 400),
        ({"headers": {"webhook-timestamp": None}}, 400),
        ({"headers": {"webhook-signature": None}}, 400),
        ({"headers": {"webhook-timestamp": "kemarin"}}, 400),
        ({"identity": "msg.1"}, 400),
        ({"headers": {"webhook-id": "msg_2"}}, 401),
        ({"headers": {"webhook-timestamp": "1795496401"}}, 401),
        ({"secret": "whsec_" + base64.b64encode(b"x" * 24).decode()}, 401),
        ({"signature": "v1a,AAAA"}, 401),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"body": b"{"}, 400),
        ({"body": b" " * 300_000}, 413),
    ],
)
def test_a_request_that_is_not_rightly_signed_json_is_refused(receiver, changes, status):
    assert send(receiver, event(release()), **changes).status_code == status

    assert receiver.public == []


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_of_another_time_is_refused(receiver, minutes):
    at = receiver.clock() + timedelta(minutes=minutes)

    assert send(receiver, event(release()), at=at).status_code == 401


def test_one_right_signature_among_several_is_enough(receiver):
    told = event(release())
    body = json.dumps(told).encode()
    right = receiver._signature("msg_1", str(int(receiver.clock().timestamp())), body)

    assert send(receiver, told, signature=f"v1,c2FsYWg= {right}").status_code == 201


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"type": "release.published", "data": release()},
        event(release(), timestamp="2026-11-24T05:00:00"),
        event(release(), timestamp="kemarin"),
        event(release(), kind="release published"),
        event("x"),
        event(release("msg_2")),
        event(release(kind="story")),
        event(release(tags=[1])),
        event(release(title=None)),
        event({name: value for name, value in release().items() if name != "body"}),
        event(release(media=["x"])),
        event(release(media=[{"sha256": "x"}])),
    ],
)
def test_an_event_of_another_shape_is_refused(receiver, told):
    assert send(receiver, told).status_code == 422

    assert receiver.public == []


def test_a_ping_and_types_that_come_later_are_passed_over(receiver):
    answers = [send(receiver, event({}, kind=kind), kind.replace(".", "_")) for kind in ("channel.ping", "release.x")]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert receiver.pings == 1
    assert receiver.public == []


def test_unknown_fields_are_passed_over_and_written_down(receiver):
    send(receiver, event(release(mood="baik"), version=2))

    assert receiver.unknown_fields == ["event.version", "data.mood"]
    assert len(receiver.public) == 1


def test_files_are_fetched_and_compared_with_what_was_said(receiver, host):
    address = host.serve(PNG, "image/png")

    send(receiver, event(release(media=[picture(address)])))

    (stored,) = receiver.public[0].media
    assert (stored.bytes, stored.type, stored.alt) == (PNG, "image/png", "Balai")


@pytest.mark.parametrize(
    "changes", [{"url": None}, {"sha256": "0" * 64}, {"size": 7}, {"type": "image/jpeg"}, {"url": "http://10.0.0.1/x"}]
)
def test_a_file_that_is_not_the_announced_one_is_refused(receiver, host, changes):
    address = host.serve(PNG, "image/png")

    assert send(receiver, event(release(media=[picture(address, **changes)]))).status_code == 422
    assert receiver.public == []


def test_a_closed_webhook_is_gone_and_another_address_is_not_found(receiver):
    receiver.closed = True

    assert send(receiver, event(release())).status_code == 410
    assert requests.post(receiver.address.rstrip("/"), data=b"{}", timeout=5).status_code == 404


def test_pings_have_faults_of_their_own(receiver):
    receiver.script("account", faults.expired_token())

    assert send(receiver, event(release())).status_code == 201
    assert send(receiver, event({}, kind="channel.ping"), "ping_1").status_code == 401
    assert receiver.labels == {"publish", "account"}
