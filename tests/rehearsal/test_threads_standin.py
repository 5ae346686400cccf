"""The Threads stand-in is as strict as the Threads API: closed parameters, containers, its own counting, replies."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from graph_client import CLIP, GraphClient, error_of, lasting, picture, renewal_follows_the_rules
from media_host import MediaHost

from dissem.rehearsal.faults import expired_token, lag, throttle
from dissem.rehearsal.threads import SAMPLE, SCOPES, ThreadsStandin, counted


class Client(GraphClient):
    version, user, publish_edge, state_field = "v1.0", "me", "threads_publish", "status"

    def create(self, **data):
        return self.call("POST", "me/threads", data=data)

    def text(self, text="Halo", **data):
        return self.create(media_type="TEXT", text=text, **data)

    def made(self, **data):
        """The id of a container that has finished."""
        return self.finished(self.create(**data))

    def publish(self, text="Halo", **data):
        return self.shown(self.made(**{"media_type": "TEXT", "text": text, **data}))


@pytest.fixture
def host():
    with MediaHost() as host:
        yield host


@pytest.fixture
def threads():
    with ThreadsStandin() as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(threads):
    return Client(threads)


def test_the_profile_is_me_or_its_number(client, threads):
    told = client.get("me", fields="id,username").json()

    assert told == {"id": threads.account, "username": "humaskota.rehearsal"}
    assert client.get(threads.account, fields="id,username").json() == told
    assert error_of(Client(threads, "wrong").get("me")) == (190, None)
    assert error_of(client.call("GET", "me", version="v26.0")) == (2500, None)
    assert error_of(client.call("POST", "17/threads", data={"media_type": "TEXT", "text": "x"})) == (100, 33)


def test_a_text_is_public_after_the_flip_only(client, threads):
    container = client.made(media_type="TEXT", text="Jalan ditutup.")
    assert threads.public == []

    post = client.flip(container).json()["id"]

    (live,) = threads.public
    assert (live.id, live.text, live.reply_to) == (post, "Jalan ditutup.", None)
    assert client.get(post, fields="permalink,media_type").json() == {
        "permalink": live.url,
        "media_type": "TEXT_POST",
        "id": post,
    }


def test_a_container_is_published_once_and_not_before_it_has_finished(client, threads):
    container = client.text().json()["id"]

    too_early = client.flip(container)
    states = [client.state(container) for _ in range(2)]
    client.flip(container)

    assert error_of(too_early) == error_of(client.flip(container)) == error_of(client.flip("1")) == (24, 4279009)
    assert [*states, client.state(container)] == ["IN_PROGRESS", "FINISHED", "PUBLISHED"]
    assert len(threads.public) == 1


def test_a_finished_container_may_be_missed_all_the_same(client, threads):
    threads.misses = 1
    container = client.made(media_type="TEXT", text="Halo")

    assert error_of(client.flip(container)) == (24, 4279009)
    assert client.flip(container).status_code == 200


def test_a_published_container_may_forget_its_state(client, threads):
    container = client.made(media_type="TEXT", text="Halo")
    client.flip(container)
    threads.forgets = True

    error = client.get(container, fields="status").json()["error"]

    assert (error["code"], error["type"]) == (100, "THApiException")


def test_a_container_dies_after_a_day(client, threads):
    container = client.made(media_type="TEXT", text="Halo")
    threads.time_offset = timedelta(hours=24)

    assert client.state(container) == "EXPIRED"
    assert error_of(client.flip(container)) == (24, 4279009)


@pytest.mark.parametrize(
    ("text", "length"), [("Padang", 6), ("Éé", 2), ("😀", 4), ("🇮🇩", 8), ("👩‍👩‍👧‍👦", 25), ("❤️", 6), ("5#", 2)]
)
def test_emoji_count_their_bytes(text, length):
    assert counted(text) == length


def test_words_are_checked_when_the_container_is_made(client):
    links = [f"https://padang.go.id/{n}" for n in range(6)]

    assert error_of(client.text("a" * 501)) == (100, None)
    assert error_of(client.text("😀" * 126)) == (100, None)
    assert client.text("😀" * 125).status_code == 200
    assert "LINK_LIMIT" in client.text(" ".join(links)).json()["error"]["message"]
    assert "LINK_LIMIT" in client.text(" ".join(links[:5]), link_attachment=links[5]).json()["error"]["message"]
    assert client.text(" ".join(links[:5]), link_attachment=links[0]).status_code == 200
    assert client.text(" ".join(links[:1] * 6)).status_code == 200


def test_parameters_are_closed_and_checked(client, host):
    photo = {"media_type": "IMAGE", "image_url": host.serve(picture(), "image/jpeg")}

    assert error_of(client.text(auto_publish_text="true")) == (100, None)
    assert error_of(client.create(media_type="TEXT")) == (100, None)
    assert error_of(client.create(text="Halo")) == (100, None)
    assert error_of(client.create(media_type="IMAGE", text="Halo")) == (100, None)
    assert error_of(client.create(media_type="VIDEO", text="Halo")) == (100, None)
    assert error_of(client.text(reply_control="nobody")) == (100, None)
    assert error_of(client.text(topic_tag="a.b")) == (100, None)
    assert error_of(client.text(alt_text="x")) == (100, None)
    assert error_of(client.create(**photo, alt_text="a" * 1001)) == (100, None)
    assert error_of(client.create(**photo, link_attachment="https://padang.go.id")) == (100, None)
    assert error_of(client.create(**photo, is_carousel_item="true", text="Halo")) == (100, None)


def test_pictures_are_fetched_at_once(client, threads, host):
    png = picture(kind="PNG")
    client.publish(media_type="IMAGE", image_url=host.serve(png, "image/png"), alt_text="Peta")

    def refused(content, kind, **more):
        return error_of(client.create(media_type="IMAGE", image_url=host.serve(content, kind, **more)))

    assert [(stored.bytes, stored.type, stored.alt) for stored in threads.public[0].media] == [
        (png, "image/png", "Peta")
    ]
    assert refused(picture(kind="GIF"), "image/gif") == (100, 2207005)
    assert refused(picture() + bytes(8 * 2**20), "image/jpeg") == (100, 2207005)
    assert refused(picture(400, 39), "image/jpeg") == refused(picture(39, 400), "image/jpeg") == (100, 2207009)
    assert client.create(media_type="IMAGE", image_url=host.serve(picture(400, 40), "image/jpeg")).status_code == 200
    assert refused(picture(), "text/html") == refused(picture(), "image/jpeg", status=403) == (100, 2207052)


@pytest.mark.parametrize(
    ("content", "kind", "cause"),
    [
        (b"%PDF", "video/mp4", "FAILED_PROCESSING_VIDEO"),
        (CLIP, "text/html", "FAILED_DOWNLOADING_VIDEO"),
        (lasting(301), "video/mp4", "INVALID_DURATION"),
    ],
    ids=["pdf", "page", "five minutes and a second"],
)
def test_a_video_fails_while_it_is_worked_on(client, host, content, kind, cause):
    container = client.made(media_type="VIDEO", video_url=host.serve(content, kind))

    assert client.get(container, fields="id,status,error_message").json() == {
        "status": "ERROR",
        "error_message": cause,
        "id": container,
    }
    assert error_of(client.flip(container)) == (24, 4279009)


def test_a_carousel_shows_two_to_twenty_items_in_order(client, threads, host):
    items = [
        client.made(
            media_type="IMAGE", image_url=host.serve(picture(width=60 + n), "image/jpeg"), is_carousel_item="true"
        )
        for n in range(21)
    ]
    client.publish(text="Tiga", media_type="CAROUSEL", children=",".join(items[:3]))

    assert [stored.bytes for stored in threads.public[0].media] == [picture(width=60 + n) for n in range(3)]
    for wrong in (items, items[:1]):
        assert error_of(client.create(media_type="CAROUSEL", children=",".join(wrong))) == (100, 2207028)
    assert error_of(client.flip(items[0])) == (24, 4279009)


def test_a_carousel_may_mix_pictures_and_videos(client, threads, host):
    photo = {"media_type": "IMAGE", "image_url": host.serve(picture(), "image/jpeg")}
    film = {"media_type": "VIDEO", "video_url": host.serve(lasting(300), "video/mp4"), "alt_text": "Apel"}
    items = [client.made(is_carousel_item="true", **one) for one in (photo, film)]

    client.publish(text="Dua", media_type="CAROUSEL", children=",".join(items))

    assert [(one.type, one.alt) for one in threads.public[0].media] == [("image/jpeg", ""), ("video/mp4", "Apel")]


def test_a_token_is_renewed_once_it_is_a_day_old_and_before_it_ends(client, threads):
    renewal_follows_the_rules(client, "th_refresh_token", lambda token: Client(threads, token))


def test_replies_have_a_list_and_a_quota_of_their_own(client, threads):
    first = client.publish("Satu")
    second = client.publish("Dua", reply_to_id=first)
    third = client.publish("Tiga", reply_to_id=second)
    fields = "id,replied_to,root_post"

    assert [one["id"] for one in client.get("me/threads").json()["data"]] == [first]
    assert client.get("me/replies", fields=fields).json()["data"] == [
        {"id": third, "replied_to": {"id": second}, "root_post": {"id": first}},
        {"id": second, "replied_to": {"id": first}, "root_post": {"id": first}},
    ]
    limits = client.get("me/threads_publishing_limit", fields="quota_usage,reply_quota_usage,reply_config").json()
    assert limits["data"][0]["quota_usage"] == 1
    assert limits["data"][0]["reply_quota_usage"] == 2
    assert limits["data"][0]["reply_config"]["quota_total"] == 1000
    assert error_of(client.text(reply_to_id="1")) == (100, None)


def test_a_full_day_takes_no_more_posts(client, threads):
    threads.elsewhere = 250

    assert error_of(client.flip(client.made(media_type="TEXT", text="Halo"))) == (4, None)


@pytest.mark.parametrize(
    ("scope", "act"),
    [
        ("threads_content_publish", lambda client, post: client.text()),
        ("threads_manage_replies", lambda client, post: client.text(reply_to_id=post)),
        ("threads_read_replies", lambda client, post: client.get("me/replies")),
        ("threads_manage_insights", lambda client, post: client.get(f"{post}/insights", metric="views")),
        ("threads_delete", lambda client, post: client.call("DELETE", post)),
    ],
)
def test_each_act_needs_its_permission(client, threads, scope, act):
    post = client.publish()
    threads.accounts = [replace(SAMPLE, scopes=SCOPES - {scope})]

    assert error_of(act(client, post)) == (10, None)


def test_metrics_grow_and_one_unknown_name_fails_them_all(client, threads):
    post = client.publish()
    threads.time_offset = timedelta(days=2)

    told = client.get(f"{post}/insights", metric="views,replies,shares").json()["data"]

    assert [one["name"] for one in told] == ["views", "replies", "shares"]
    assert told[0]["values"][0]["value"] > 0
    assert error_of(client.get(f"{post}/insights", metric="views,impressions")) == (100, None)
    assert error_of(client.get(f"{post}/insights")) == (100, None)


def test_what_is_deleted_is_gone(client, threads):
    post = client.publish()

    assert client.call("DELETE", post).json() == {"success": True, "deleted_id": post}
    assert error_of(client.call("DELETE", post)) == (100, 33)
    assert threads.public == []


def test_requests_are_labelled_by_what_they_do(client, threads, host):
    post = client.publish()
    client.create(media_type="IMAGE", image_url=host.serve(picture(), "image/jpeg"))
    client.get("me")
    client.get(post)
    client.get(f"{post}/insights", metric="views")
    client.get("me/threads")

    labels = [entry.label for entry in threads.journal]
    assert labels == [*("stage", "status", "status", "publish"), "upload", "account", "read", "measure", "list"]


def test_faults_speak_as_the_api_does(client, threads):
    container, post = client.made(media_type="TEXT", text="Halo"), client.publish("Lain")
    threads.script("publish", throttle(35), throttle(), expired_token())
    threads.script("list", lag(1))

    told, untold, expired = (client.flip(container) for _ in range(3))

    assert error_of(told) == error_of(untold) == (4, None)
    assert (told.headers["Retry-After"], untold.headers.get("Retry-After")) == ("35", None)
    assert error_of(expired) == (190, 463)
    assert [client.get("me/threads").json()["data"] for _ in range(2)] == [[], [{"id": post}]]


def test_the_journal_keeps_no_token(client, threads):
    client.publish()
    client.get("me", access_token=threads.access_token)

    assert threads.access_token not in json.dumps([vars(entry) for entry in threads.journal], default=str)
