"""The Instagram stand-in is as strict as Graph: containers before posts, pictures that are really fetched, reels."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from graph_client import CLIP, GraphClient, error_of, lasting, picture, renewal_follows_the_rules
from media_host import MediaHost

from dissem.rehearsal.faults import drop_after_accepting, error_after_accepting, expired_token, lag, throttle
from dissem.rehearsal.instagram import BY_INSTAGRAM, SAMPLE, SCOPES, InstagramStandin


class Client(GraphClient):
    version, publish_edge, state_field = "v26.0", "media_publish", "status_code"

    def __init__(self, standin, host, token=None):
        super().__init__(standin, token)
        self.host, self.user = host, standin.account

    def media(self, **data):
        return self.call("POST", f"{self.user}/media", data=data)

    def photo(self, content=None, kind="image/jpeg", **data):
        return self.media(image_url=self.host.serve(content or picture(), kind), **data)

    def video(self, content=CLIP, **data):
        return self.media(video_url=self.host.serve(content, "video/mp4"), **data)

    def made(self, **data):
        """The id of a photo's container that has finished."""
        return self.finished(self.photo(**data))

    def publish(self, **data):
        return self.shown(self.made(**data))

    def send(self, uri, content=CLIP, **headers):
        given = {"Authorization": f"OAuth {self.standin.access_token}", "offset": "0", "file_size": str(len(content))}
        return self.session.post(uri, data=content, headers={**given, **headers}, timeout=5)


@pytest.fixture
def host():
    with MediaHost() as host:
        yield host


@pytest.fixture
def instagram():
    with InstagramStandin() as standin:
        yield standin
        assert not standin.accidents


@pytest.fixture
def client(instagram, host):
    return Client(instagram, host)


# --- who asks -------------------------------------------------------------------------------------------------------


def test_the_account_is_read_by_its_number(client, instagram):
    told = client.get(instagram.account, fields="id,username,name").json()

    assert told == {"id": instagram.account, "username": "humaskota.rehearsal", "name": "Humas Kota (gladi)"}
    assert error_of(client.get("17841400000000009", fields="id")) == (100, 33)
    assert error_of(client.get(instagram.account, fields="fan_count")) == (100, None)


def test_wrong_tokens_and_missing_permissions_are_refused(instagram, host):
    assert error_of(Client(instagram, host, "wrong").photo()) == (190, None)

    instagram.accounts = [replace(SAMPLE, scopes=SCOPES - {"instagram_content_publish"})]

    assert error_of(Client(instagram, host).photo()) == (10, None)


def test_another_account_is_not_ours_to_publish_for(client):
    assert error_of(client.call("POST", "17841400000000009/media", data={"image_url": "http://x"})) == (100, 33)


# --- pictures -------------------------------------------------------------------------------------------------------


def test_a_picture_is_fetched_and_shown_after_the_flip_only(client, instagram, host):
    content = picture(80, 80)
    container = client.made(content=content, caption="Halo #padang", alt_text="Alun-alun")
    assert instagram.public == []

    medium = client.flip(container).json()["id"]

    (live,) = instagram.public
    assert (live.id, live.text, live.url) == (medium, "Halo #padang", live.url)
    assert [(stored.bytes, stored.alt) for stored in live.media] == [(content, "Alun-alun")]
    assert live.url.startswith("https://www.instagram.com/p/")
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        (picture(kind="PNG"), "image/png", (36001, 2207005)),
        (b"%PDF-1.7", "image/jpeg", (36001, 2207005)),
        (picture(), "text/html", (9004, 2207052)),
        (picture(100, 200), "image/jpeg", (36003, 2207009)),
        (picture(200, 100), "image/jpeg", (36003, 2207009)),
        (picture() + bytes(8 * 2**20), "image/jpeg", (36000, 2207004)),
    ],
    ids=["png", "pdf", "login page", "too tall", "too wide", "too large"],
)
def test_pictures_that_instagram_does_not_take_are_refused_at_once(client, content, kind, error):
    assert error_of(client.photo(content, kind)) == error


@pytest.mark.parametrize("shape", [(80, 100), (191, 100)])
def test_the_narrowest_and_the_widest_picture_are_taken(client, shape):
    assert client.photo(picture(*shape)).status_code == 200


def test_an_address_that_gives_no_file_at_once_is_not_fetched(client, host, instagram):
    moved = host.serve(b"", "text/html", status=302, Location=host.serve(picture(), "image/jpeg"))
    secret = host.serve(picture(), "image/jpeg", status=401)

    for address in (
        moved,
        secret,
        moved + "x",
        "https://padang.go.id/1.jpg",
        "ftp://127.0.0.1/1",
        "1.jpg",
        moved + "é",
    ):
        assert error_of(client.media(image_url=address)) == (9004, 2207052)
    instagram_itself = client.media(image_url="http://127.0.0.1:1/1.jpg")
    assert error_of(instagram_itself) == (9004, 2207052)


def test_parameters_are_closed_and_checked(client):
    assert error_of(client.photo(titel="x")) == (100, None)
    assert error_of(client.media(caption="Tanpa gambar")) == (100, None)
    assert error_of(client.photo(media_type="IGTV")) == (100, 2207023)
    assert error_of(client.photo(caption="a" * 2201)) == (36004, 2207010)
    assert error_of(client.photo(caption="😀" * 1101)) == (36004, 2207010)
    assert client.photo(caption="😀" * 1100).status_code == 200
    assert error_of(client.photo(caption=" ".join(f"#t{n}" for n in range(31)))) == (100, 2207040)
    assert error_of(client.photo(caption=" ".join(f"@t{n}" for n in range(21)))) == (100, 2207040)
    assert error_of(client.photo(alt_text="a" * 1001)) == (100, None)


# --- containers -----------------------------------------------------------------------------------------------------


def test_a_container_works_finishes_is_published_once_and_says_so(client, instagram):
    container = client.photo().json()["id"]

    too_early = client.flip(container)
    states = [client.state(container) for _ in range(2)]
    client.flip(container)
    again = client.flip(container)

    assert error_of(too_early) == (9007, 2207027)
    assert [*states, client.state(container)] == ["IN_PROGRESS", "FINISHED", "PUBLISHED"]
    assert error_of(again) == (24, 2207006)
    assert len(instagram.public) == 1


def test_a_container_dies_after_a_day(client, instagram):
    container = client.made()
    instagram.time_offset = timedelta(hours=24)

    assert client.state(container) == "EXPIRED"
    assert error_of(client.flip(container)) == (-2, 2207020)


def test_a_container_that_fails_tells_why_in_words(client, instagram):
    instagram.causes.append("2207032")
    container = client.photo().json()["id"]
    client.state(container)

    told = client.get(container, fields="status_code,status").json()

    assert told["status_code"] == "ERROR"
    assert "2207032" in told["status"]
    assert error_of(client.flip(container)) == (-1, 2207032)


def test_nobody_publishes_what_is_not_a_container(client):
    assert error_of(client.flip("1")) == (24, 2207006)
    assert error_of(client.flip(client.made(is_carousel_item="true"))) == (24, 2207006)


def test_the_daily_quota_is_told_and_kept(client, instagram):
    instagram.elsewhere = 49
    client.publish()

    told = client.get(f"{instagram.account}/content_publishing_limit", fields="config,quota_usage").json()
    full = client.flip(client.made())
    instagram.elsewhere, instagram.time_offset = 0, timedelta(hours=23)

    assert told == {"data": [{"quota_usage": 50, "config": {"quota_total": 50, "quota_duration": 86400}}]}
    assert error_of(full) == (9, 2207042)
    assert client.flip(client.made()).status_code == 200


# --- carousels ------------------------------------------------------------------------------------------------------


def items(client, number=3):
    return [
        client.made(content=picture(60 + n, 60), is_carousel_item="true", alt_text=f"Foto {n}") for n in range(number)
    ]


def test_a_carousel_shows_its_items_in_order(client, instagram):
    children = items(client)
    container = client.finished(client.media(media_type="CAROUSEL", children=",".join(children), caption="Tiga"))

    medium = client.flip(container).json()["id"]

    assert [stored.alt for stored in instagram.public[0].media] == ["Foto 0", "Foto 1", "Foto 2"]
    shown = client.get(medium, fields="media_type,children{id}").json()
    assert shown["media_type"] == "CAROUSEL_ALBUM"
    assert len(shown["children"]["data"]) == 3


def test_carousels_take_two_to_ten_finished_items_without_words(client):
    good = items(client, 11)
    working = client.photo(is_carousel_item="true").json()["id"]

    def carousel(children):
        return error_of(client.media(media_type="CAROUSEL", children=",".join(children)))

    assert carousel(good[:1]) == carousel(good) == (100, 2207028)
    assert carousel([good[0], good[0]]) == (100, None)
    assert carousel([good[0], client.made()]) == (100, None)
    assert carousel([good[0], "1"]) == (100, None)
    assert carousel([good[0], working]) == (9007, 2207027)
    assert error_of(client.photo(is_carousel_item="true", caption="Halo")) == (100, None)
    assert error_of(client.photo(is_carousel_item="yes")) == (100, None)


def test_a_carousel_may_mix_pictures_and_videos_fetched_or_sent(client, instagram):
    photo = client.made(is_carousel_item="true", alt_text="Foto")
    film = client.finished(client.video(lasting(60), media_type="VIDEO", is_carousel_item="true"))
    sent = client.media(media_type="VIDEO", is_carousel_item="true", upload_type="resumable").json()
    client.send(sent["uri"])
    while client.state(sent["id"]) == "IN_PROGRESS":
        pass

    children = ",".join([photo, film, sent["id"]])
    client.shown(client.finished(client.media(media_type="CAROUSEL", children=children)))

    assert [one.type for one in instagram.public[0].media] == ["image/jpeg", "video/mp4", "video/mp4"]


@pytest.mark.parametrize(
    ("kind", "seconds", "state"),
    [
        ("REELS", 2.9, "ERROR"),
        ("REELS", 3, "FINISHED"),
        ("REELS", 900, "FINISHED"),
        ("REELS", 901, "ERROR"),
        ("VIDEO", 60, "FINISHED"),
        ("VIDEO", 61, "ERROR"),
        ("STORIES", 60, "FINISHED"),
        ("STORIES", 61, "ERROR"),
    ],
)
def test_a_video_that_is_too_short_or_too_long_fails_while_it_is_worked_on(client, kind, seconds, state):
    item = {"is_carousel_item": "true"} if kind == "VIDEO" else {}

    container = client.finished(client.video(lasting(seconds), media_type=kind, **item))

    assert client.state(container) == state


# --- stories --------------------------------------------------------------------------------------------------------


def test_a_story_is_in_a_list_of_its_own_and_gone_after_a_day(client, instagram):
    story = client.shown(client.made(media_type="STORIES", content=picture(90, 160)))
    post = client.publish()
    fields = "id,media_type,media_product_type,permalink"

    (told,) = client.get(f"{instagram.account}/stories", fields=fields).json()["data"]
    listed = client.get(f"{instagram.account}/media", fields="id").json()["data"]
    instagram.time_offset = timedelta(hours=24)

    assert (told["id"], told["media_type"], told["media_product_type"]) == (story, "IMAGE", "STORY")
    assert told["permalink"] == f"https://www.instagram.com/stories/humaskota.rehearsal/{story}"
    assert listed == [{"id": post}]
    assert client.get(f"{instagram.account}/stories", fields="id").json() == {"data": []}
    assert error_of(client.get(story, fields="id")) == error_of(client.call("DELETE", story)) == (100, 33)
    assert [live.id for live in instagram.public] == [post]


def test_a_story_is_one_file_and_nothing_else(client, host):
    address = host.serve(CLIP, "video/mp4")

    assert error_of(client.photo(media_type="STORIES", caption="Halo")) == (100, None)
    assert error_of(client.photo(media_type="STORIES", alt_text="Halo")) == (100, None)
    assert error_of(client.photo(media_type="STORIES", is_carousel_item="true")) == (100, None)
    assert error_of(client.photo(media_type="STORIES", video_url=address)) == (100, None)
    assert error_of(client.media(media_type="STORIES")) == (100, None)
    assert client.media(media_type="STORIES", video_url=address).status_code == 200


def test_the_video_of_a_story_may_be_sent(client, instagram):
    made = client.media(media_type="STORIES", upload_type="resumable").json()

    client.send(made["uri"])
    client.state(made["id"])
    client.shown(made["id"])

    assert instagram.public[0].media[0].bytes == CLIP


def test_a_story_has_figures_of_its_own_once_five_people_have_seen_it(client, instagram):
    story = client.shown(client.made(media_type="STORIES"))
    few = client.get(f"{story}/insights", metric="views,replies")
    instagram.time_offset = timedelta(hours=20)

    many = client.get(f"{story}/insights", metric="views,reach,replies,shares").json()["data"]

    assert error_of(few) == (10, None)
    assert [one["name"] for one in many] == ["views", "reach", "replies", "shares"]
    assert error_of(client.get(f"{story}/insights", metric="views,saved")) == (100, None)


def test_stories_count_in_the_daily_quota(client, instagram):
    client.shown(client.made(media_type="STORIES"))

    told = client.get(f"{instagram.account}/content_publishing_limit", fields="quota_usage").json()

    assert told == {"data": [{"quota_usage": 1}]}


# --- the login ------------------------------------------------------------------------------------------------------


def by_instagram(standin):
    standin.login = "instagram"
    standin.accounts = [replace(SAMPLE, scopes=frozenset(BY_INSTAGRAM.values()))]


def test_a_token_of_instagram_login_is_renewed_once_it_is_a_day_old_and_before_it_ends(client, instagram, host):
    by_instagram(instagram)

    renewal_follows_the_rules(client, "ig_refresh_token", lambda token: Client(instagram, host, token))


def test_a_token_of_facebook_login_is_told_about_and_not_renewed(client, instagram):
    token = instagram.access_token
    endless = client.get("debug_token", input_token=token).json()["data"]["expires_at"]
    instagram.issued[token] = instagram.clock()

    told = client.get("debug_token", input_token=token).json()["data"]["expires_at"]

    assert endless == 0
    assert told == int((instagram.clock() + timedelta(days=60)).timestamp())
    assert error_of(client.get("debug_token", input_token="wrong")) == (100, None)
    assert error_of(client.renew(grant_type="ig_refresh_token")) == (2500, None)


def test_instagram_login_has_rights_of_its_own_and_neither_uploads_nor_deletes(client, instagram):
    by_instagram(instagram)
    medium = client.publish()

    assert error_of(client.call("DELETE", medium)) == (100, 33)
    assert error_of(client.media(media_type="REELS", upload_type="resumable")) == (100, None)
    assert error_of(client.get("debug_token", input_token=instagram.access_token)) == (100, None)
    instagram.accounts = [SAMPLE]
    assert error_of(client.photo()) == (10, None)


# --- reels ----------------------------------------------------------------------------------------------------------


def reel(client, **data):
    return client.media(media_type="REELS", upload_type="resumable", **data).json()


def test_a_reel_waits_for_its_bytes_at_the_address_that_was_named(client, instagram):
    made = reel(client, caption="Apel")
    waiting = [client.state(made["id"]) for _ in range(3)]

    sent = client.send(made["uri"]).json()
    client.state(made["id"])
    client.flip(made["id"])

    assert waiting == ["IN_PROGRESS"] * 3
    assert sent == {"success": True, "message": "Upload successful."}
    assert instagram.public[0].media[0].bytes == CLIP
    assert "/reel/" in instagram.public[0].url


def test_bytes_that_are_not_what_was_announced_are_not_taken(client):
    uri = reel(client)["uri"]

    for wrong in ({"offset": "5"}, {"file_size": "7"}, {"file_size": "many"}, {"Authorization": "Bearer x"}):
        assert client.send(uri, **wrong).json()["debug_info"]["type"] == "ProcessingFailedError"
    assert error_of(client.send(uri, Authorization="OAuth wrong")) == (190, None)
    assert client.send(uri).status_code == 200
    assert client.send(uri).status_code == 400


def test_a_reel_may_be_fetched(client, instagram, host):
    container = client.finished(client.media(media_type="REELS", video_url=host.serve(CLIP, "video/mp4")))

    client.flip(container)

    assert instagram.public[0].media[0].bytes == CLIP


def test_a_video_that_is_none_fails_while_it_is_worked_on(client, host):
    container = client.media(media_type="REELS", video_url=host.serve(b"%PDF", "video/mp4")).json()["id"]

    assert [client.state(container) for _ in range(2)] == ["IN_PROGRESS", "ERROR"]


def test_a_single_video_is_a_reel_and_a_reel_is_no_item(client, host):
    address = host.serve(CLIP, "video/mp4")

    assert error_of(client.media(media_type="VIDEO", video_url=address)) == (100, 2207023)
    assert error_of(client.media(media_type="REELS", video_url=address, is_carousel_item="true")) == (100, 2207023)
    assert error_of(client.media(media_type="REELS", video_url=address, alt_text="x")) == (100, None)
    assert error_of(client.media(media_type="REELS")) == (100, None)
    assert error_of(client.media(media_type="REELS", upload_type="resumable", video_url=address)) == (100, None)


# --- reading --------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_paged_and_may_begin_somewhere(client, instagram, clock):
    instagram.now = clock
    first = client.publish(caption="Satu")
    clock.time += timedelta(minutes=5)
    second = client.publish(caption="Dua")
    path = f"{instagram.account}/media"

    page = client.get(path, fields="id,caption", limit=1).json()
    rest = requests.get(page["paging"]["next"], headers=client.session.headers, timeout=5).json()
    recent = client.get(path, fields="id", since=int(clock.time.timestamp())).json()

    assert page["data"] == [{"id": second, "caption": "Dua"}]
    assert [one["id"] for one in rest["data"]] == [first]
    assert recent["data"] == [{"id": second}]
    assert error_of(client.get(path, fields="id,message")) == (100, None)


def test_counts_grow_and_insights_come_late(client, instagram):
    medium = client.publish()
    fields = "like_count,comments_count,insights.metric(views,reach)"
    early = client.get("", ids=medium, fields=fields).json()[medium]

    instagram.time_offset = timedelta(days=2)
    late = client.get("", ids=medium, fields=fields).json()[medium]

    assert (early["like_count"], early["insights"]) == (0, {"data": []})
    assert late["like_count"] > 0
    assert [one["name"] for one in late["insights"]["data"]] == ["views", "reach"]


@pytest.mark.parametrize("metric", ["impressions", "plays", "ig_reels_avg_watch_time"])
def test_one_metric_that_a_photo_lacks_fails_them_all(client, metric):
    medium = client.publish()

    assert error_of(client.get(f"{medium}/insights", metric=f"views,{metric}")) == (100, None)
    assert error_of(client.get("", ids=medium, fields=f"insights.metric(views,{metric})")) == (100, None)


def test_one_missing_medium_fails_a_read_of_many(client):
    assert error_of(client.get("", ids=f"{client.publish()},1", fields="id")) == (100, 33)
    assert error_of(client.get("", ids=",".join(map(str, range(51))), fields="id")) == (100, None)


def test_what_is_deleted_is_gone(client, instagram):
    medium = client.publish()

    assert client.call("DELETE", medium).json() == {"success": True}
    assert error_of(client.call("DELETE", medium)) == (100, 33)
    assert instagram.public == []


# --- faults ---------------------------------------------------------------------------------------------------------


def test_requests_are_labelled_by_what_they_do(client, instagram):
    medium = client.publish()
    made = reel(client)
    client.send(made["uri"])
    client.media(media_type="CAROUSEL", children="1,2")
    client.get(instagram.account, fields="id")
    client.get(medium, fields="permalink")
    client.get(medium, fields="like_count")
    client.get(f"{instagram.account}/media", fields="id")

    labels = [entry.label for entry in instagram.journal]
    assert labels == [
        "upload",
        "status",
        "status",
        "publish",
        "stage",
        "upload",
        "stage",
        "account",
        "read",
        "measure",
        "list",
    ]


def test_an_error_after_the_flip_can_hide_a_post_that_is_live(client, instagram):
    instagram.script("publish", error_after_accepting(400, {"error": {"code": 4}}), drop_after_accepting())

    answer = client.flip(client.made())
    with pytest.raises(requests.ConnectionError):
        client.flip(client.made())

    assert answer.status_code == 400
    assert len(instagram.public) == 2


def test_throttling_tells_its_minutes_in_the_usage_header_or_nothing(client, instagram):
    container = client.made()
    instagram.script("publish", throttle(600), throttle(), expired_token())

    told, untold, expired = (client.flip(container) for _ in range(3))
    usage = json.loads(told.headers["X-Business-Use-Case-Usage"])[instagram.account][0]

    assert error_of(told) == (80002, None)
    assert (usage["type"], usage["estimated_time_to_regain_access"]) == ("instagram", 10)
    assert error_of(untold) == (4, None)
    assert error_of(expired) == (190, 463)


def test_a_lagging_list_hides_the_newest_once(client, instagram):
    medium = client.publish()
    instagram.script("list", lag(1))

    listed = [client.get(f"{instagram.account}/media", fields="id").json()["data"] for _ in range(2)]

    assert listed == [[], [{"id": medium}]]


def test_the_journal_keeps_no_token(client, instagram):
    client.publish()
    client.send(reel(client)["uri"])

    assert instagram.access_token not in json.dumps([vars(entry) for entry in instagram.journal], default=str)
