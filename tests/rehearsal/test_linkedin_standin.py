"""The LinkedIn stand-in is as strict as LinkedIn's documentation: versions, fields, uploads, little text, figures."""

import io
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from PIL import Image

from dissem.rehearsal import faults, linkedin_media, linkedin_text
from dissem.rehearsal.linkedin import LinkedInStandin

HEADERS = {"LinkedIn-Version": "202607", "X-Restli-Protocol-Version": "2.0.0"}
OWNER = "urn:li:organization:104100001"


def png(width=8, height=8):
    held = io.BytesIO()
    Image.new("1", (width, height)).save(held, "PNG")
    return held.getvalue()


def mp4(seconds=10, size=80_000):
    """The boxes that tell what the file is and how long it lasts, and nothing to see."""
    header = b"\0" * 12 + (1000).to_bytes(4) + (seconds * 1000).to_bytes(4) + b"\0" * 80
    movie = (8 + len(header)).to_bytes(4) + b"mvhd" + header
    data = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + (8 + len(movie)).to_bytes(4) + b"moov" + movie
    return data + (size - len(data)).to_bytes(4) + b"free" + b"\0" * (size - len(data) - 8)


class Member:
    """Calls as a member of the first page does; `headers=None` leaves a header out."""

    def __init__(self, standin):
        self.standin = standin

    def call(self, method, path, headers=(), **options):
        given = {"Authorization": f"Bearer {self.standin.token}", **HEADERS, **dict(headers)}
        url = path if path.startswith("http") else self.standin.url + path
        sent = {name: value for name, value in given.items() if value is not None}
        return requests.request(method, url, headers=sent, timeout=5, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, commentary="Halo Padang", **fields):
        body = {
            "author": OWNER,
            "commentary": commentary,
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            **fields,
        }
        return self.call("POST", "/rest/posts", json={k: v for k, v in body.items() if v is not None})

    def start(self, kind, **asked):
        asked = {"initializeUploadRequest": {"owner": OWNER, **asked}}
        return self.call("POST", f"/rest/{kind}s?action=initializeUpload", json=asked)

    def image(self, data=None):
        value = self.start("image").json()["value"]
        assert self.call("PUT", value["uploadUrl"], data=data or png()).status_code == 201
        return value["image"]

    def parts(self, data, value, order=None):
        """Upload every part; the entity tags without their quotes, in order."""
        tags = {}
        for number in order or range(len(value["uploadInstructions"])):
            told = value["uploadInstructions"][number]
            piece = data[told["firstByte"] : told["lastByte"] + 1]
            answer = self.call("PUT", told["uploadUrl"], data=piece, headers={"Authorization": None})
            tags[number] = answer.headers["ETag"].strip('"')
        return [tags[number] for number in sorted(tags)]

    def finalize(self, value, tags, **changes):
        asked = {"video": value["video"], "uploadToken": value["uploadToken"], "uploadedPartIds": tags, **changes}
        return self.call("POST", "/rest/videos?action=finalizeUpload", json={"finalizeUploadRequest": asked})

    def video(self, data=None, announced=None):
        data = data or mp4()
        value = self.start("video", fileSizeBytes=announced or len(data)).json()["value"]
        assert self.finalize(value, self.parts(data, value)).status_code == 200
        return value["video"]

    def status(self, urn):
        return self.get(f"/rest/{urn.split(':')[2]}s/{quote(urn, safe='')}").json()["status"]


@pytest.fixture
def linkedin(clock):
    with LinkedInStandin(now=clock) as running:
        yield running
    assert running.accidents == []


@pytest.fixture
def member(linkedin):
    return Member(linkedin)


def code(answer):
    """Status and code, wherever LinkedIn put it."""
    body = answer.json()
    inputs = body.get("errorDetails", {}).get("inputErrors", [{}])
    return answer.status_code, body.get("code") or inputs[0].get("code")


def urns(*posts):
    return f"List({','.join(quote(post, safe='') for post in posts)})"


# Who asks, and how


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"Authorization": None}, (401, None)),
        ({"Authorization": "Bearer somebody"}, (401, "INVALID_ACCESS_TOKEN")),
        ({"LinkedIn-Version": None}, (400, "VERSION_MISSING")),
        ({"LinkedIn-Version": "2026-07"}, (400, "INVALID_VERSION")),
        ({"LinkedIn-Version": "202511"}, (426, "NONEXISTENT_VERSION")),
        ({"LinkedIn-Version": "202712"}, (426, "NONEXISTENT_VERSION")),
        ({"X-Restli-Protocol-Version": None}, (400, None)),
        ({"X-RestLi-Method": "BATCH_GET"}, (400, None)),
    ],
)
def test_every_request_needs_a_token_a_living_version_and_the_protocol(member, headers, refusal):
    assert code(member.get("/rest/organizationAcls?q=roleAssignee", headers=headers)) == refusal


def test_a_member_is_told_the_pages_and_roles(member):
    (held,) = member.get("/rest/organizationAcls?q=roleAssignee").json()["elements"]

    assert (held["organization"], held["role"], held["state"]) == (OWNER, "ADMINISTRATOR", "APPROVED")
    assert member.get("/rest/organizations/104100001").json()["localizedName"] == "Humas Kota"
    assert code(member.get("/rest/organizations/104100002")) == (403, "ACCESS_DENIED")


def test_a_right_or_a_role_that_is_missing_is_denied(linkedin, member):
    whole = linkedin.accounts[0]
    linkedin.accounts[0] = replace(whole, scopes=whole.scopes - {"w_organization_social"})
    assert code(member.post()) == (403, "ACCESS_DENIED")
    linkedin.accounts[0] = replace(whole, role="RECRUITING_POSTER")
    assert code(member.post()) == (403, "ACCESS_DENIED")
    assert code(member.post(author="urn:li:organization:104100002")) == (403, "ACCESS_DENIED")

    assert linkedin.public == []


def test_an_unknown_path_and_a_body_that_is_no_json_are_refused(member):
    assert code(member.get("/rest/shares")) == (404, "RESOURCE_NOT_FOUND")
    assert code(member.call("POST", "/rest/posts", data=b"{")) == (400, "INVALID_JSON")


# Little text


@pytest.mark.parametrize(
    ("commentary", "shown", "hashtags", "links"),
    [
        ("Halo Padang", "Halo Padang", [], []),
        (r"Minggu \(22/11/2026\) pagi", "Minggu (22/11/2026) pagi", [], []),
        ("Minggu (22/11/2026) pagi", "Minggu ", [], []),
        ("harga * dan _ dan ~", "harga ", [], []),
        (r"a \\ b \| \{c\} \[d\] \<e\> \@f \*g\* \_h\_ \~i", r"a \ b | {c} [d] <e> @f *g* _h_ ~i", [], []),
        (r"Ayo {hashtag|\#|Padang} dan #CFD!", "Ayo #Padang dan #CFD!", ["Padang", "CFD"], []),
        (r"{hashtag|\#|hari\_guru}", "#hari_guru", ["hari_guru"], []),
        (r"Tidak \#hidup", "Tidak #hidup", [], []),
        (r"nomor \#1", "nomor #1", [], []),
        ("nomor #1 saja", "nomor ", [], []),
        ("@[Humas Kota](urn:li:organization:1) hadir", "Humas Kota hadir", [], []),
        ("@humas hadir", "", [], []),
        ("Baca https://a.id/x_y~z?q=1 ya", "Baca https://a.id/x_y~z?q=1 ya", [], ["https://a.id/x_y~z?q=1"]),
        (r"https://a.id/x\_y", "https://a.id/x_y", [], ["https://a.id/x"]),
        ("https://a.id/(x)", "https://a.id/", [], ["https://a.id/"]),
        ("akhir \\", "akhir ", [], []),
    ],
)
def test_little_text_shows_what_is_escaped_and_ends_at_what_is_not(commentary, shown, hashtags, links):
    read = linkedin_text.read(commentary)

    assert (read.text, read.of("hashtag"), read.of("link")) == (shown, hashtags, links)


def test_a_post_with_an_unescaped_parenthesis_is_accepted_and_cut(linkedin, member):
    assert member.post("Rapat (tertutup) hari ini").status_code == 201

    assert [live.text for live in linkedin.public] == ["Rapat "]


def test_a_text_has_3000_utf16_units_and_escapes_cost_nothing(linkedin, member):
    assert member.post("\\(" * 2998 + "🙂").status_code == 201
    assert code(member.post("a" * 2999 + "🙂")) == (400, "FIELD_LENGTH_TOO_LONG")
    assert code(member.post("  ")) == (400, "INVALID_VALUE_BLANK_FIELD")

    assert len(linkedin.public) == 1


# Posts


def test_the_id_of_a_post_is_in_a_header_and_the_body_is_empty(linkedin, member):
    answer = member.post()

    (live,) = linkedin.public
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["x-restli-id"] == live.id
    assert live.id.startswith("urn:li:share:")
    assert "Halo Padang" in requests.get(live.url, timeout=5).text


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"text": "x"}, (422, None)),
        ({"commentary": 5}, (422, None)),
        ({"distribution": None}, (422, None)),
        ({"distribution": {"feed": "MAIN_FEED"}}, (422, None)),
        ({"content": {"image": {}}}, (422, None)),
        ({"content": {"media": {"altText": "tanpa id"}}}, (422, None)),
        ({"lifecycleState": "DRAFT"}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"visibility": "EVERYBODY"}, (400, "INVALID_VALUE_FOR_FIELD")),
        ({"content": {"media": {"id": "urn:li:image:X"}}}, (400, "INVALID_URN_ID")),
        ({"content": {"article": {"source": "https://a.id"}}}, (501, None)),
    ],
)
def test_a_body_that_is_not_of_the_schema_is_refused(linkedin, member, fields, refusal):
    assert code(member.post(**fields)) == refusal

    assert linkedin.public == []


def test_a_repetition_is_refused_and_named_even_after_deletion(linkedin, member, clock):
    first = member.post().headers["x-restli-id"]

    again = member.post()
    member.call("DELETE", f"/rest/posts/{quote(first, safe='')}")
    ghost = member.post()

    assert code(again) == (422, "DUPLICATE_POST")
    assert again.json()["message"].endswith(f"duplicate of {first}")
    assert code(ghost) == (422, "DUPLICATE_POST")
    assert first not in ghost.json()["message"]
    clock.time += linkedin.duplicate_window
    assert member.post().status_code == 201


def test_a_post_is_read_back_in_little_text(member):
    urn = member.post(r"Rapat \(resmi\) #Padang https://a.id/x_y").headers["x-restli-id"]

    told = member.get(f"/rest/posts/{quote(urn, safe='')}").json()

    assert told["commentary"] == r"Rapat \(resmi\) {hashtag|\#|Padang} https://a.id/x\_y"
    assert (told["id"], told["author"], told["lifecycleState"]) == (urn, OWNER, "PUBLISHED")


def test_a_urn_in_a_path_must_be_encoded(member):
    urn = member.post().headers["x-restli-id"]

    assert member.get(f"/rest/posts/{urn}").status_code == 400
    assert code(member.get("/rest/posts/urn%3Ali%3Ashare%3A1")) == (404, "NOT_FOUND")


def test_deleting_is_idempotent_and_only_for_ones_own(linkedin, member):
    urn = member.post().headers["x-restli-id"]
    foreign = {"Authorization": f"Bearer {linkedin.accounts[1].token}"}

    member.call("DELETE", f"/rest/posts/{quote(urn, safe='')}", headers=foreign)
    assert len(linkedin.public) == 1
    answers = [member.call("DELETE", f"/rest/posts/{quote(urn, safe='')}").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert linkedin.public == []


def test_a_text_can_be_edited_where_the_header_says_so(linkedin, member, clock):
    urn = member.post().headers["x-restli-id"]
    path, patch = f"/rest/posts/{quote(urn, safe='')}", {"patch": {"$set": {"commentary": "Baru"}}}
    clock.time += timedelta(hours=1)

    assert member.call("POST", path, json=patch).status_code == 400
    assert (
        member.call("POST", path, json=patch, headers={"X-RestLi-Method": "PARTIAL_UPDATE"}).status_code,
        [live.text for live in linkedin.public],
    ) == (204, ["Baru"])


# Listing


def listed(member, more=""):
    return member.get(f"/rest/posts?q=author&author={quote(OWNER, safe='')}{more}")


def test_posts_are_listed_newest_change_first(member, clock):
    posted = []
    for number in range(3):
        clock.time += timedelta(minutes=1)
        posted.append(member.post(f"Nomor {number}").headers["x-restli-id"])
    clock.time += timedelta(minutes=1)
    path, patch = f"/rest/posts/{quote(posted[0], safe='')}", {"patch": {"$set": {"commentary": "Diubah"}}}
    member.call("POST", path, json=patch, headers={"X-RestLi-Method": "PARTIAL_UPDATE"})

    changed = [one["id"] for one in listed(member).json()["elements"]]
    made = [one["id"] for one in listed(member, "&sortBy=CREATED").json()["elements"]]

    assert changed == [posted[0], posted[2], posted[1]]
    assert made == posted[::-1]


def test_a_page_may_be_short_although_more_follow(member):
    posted = [member.post(f"Nomor {number}").headers["x-restli-id"] for number in range(3)]
    for urn in posted[1:]:
        member.call("DELETE", f"/rest/posts/{quote(urn, safe='')}")

    first, second = (listed(member, f"&count=2&start={start}").json() for start in (0, 2))

    assert first["elements"] == []
    assert [link["rel"] for link in first["paging"]["links"]] == ["next"]
    assert [one["id"] for one in second["elements"]] == [posted[0]]
    assert second["paging"]["links"] == []


@pytest.mark.parametrize("more", ["&count=101", "&start=x", "&sortBy=SIZE", "&projection=(id)"])
def test_a_listing_asked_for_wrongly_is_refused(member, more):
    assert listed(member, more).status_code in (400, 403)


def test_a_listing_may_lag(linkedin, member):
    member.post()
    linkedin.script("list", faults.lag(1))

    assert [len(listed(member).json()["elements"]) for _ in range(2)] == [0, 1]


def test_named_posts_come_with_an_error_for_each_that_is_missing(member):
    urn, missing = member.post().headers["x-restli-id"], "urn:li:share:7"

    told = member.get(f"/rest/posts?ids={urns(urn, missing)}").json()

    assert list(told["results"]) == [urn]
    assert told["statuses"] == {urn: 200, missing: 404}
    assert told["errors"][missing]["status"] == 404


# Files


def test_one_image_and_many_are_different_contents(linkedin, member):
    images = [member.image(png(8 + number)) for number in range(2)]

    one = member.post("Satu", content={"media": {"id": images[0], "altText": "Balai kota"}})
    many = member.post("Dua", content={"multiImage": {"images": [{"id": i, "altText": f"Foto {i}"} for i in images]}})
    single = member.post("Salah", content={"multiImage": {"images": [{"id": images[0]}]}})
    long = member.post("Panjang", content={"media": {"id": images[0], "altText": "x" * 4087}})

    assert (one.status_code, many.status_code) == (201, 201)
    assert code(single) == (400, "INVALID_VALUE_FOR_FIELD")
    assert code(long) == (400, "FIELD_LENGTH_TOO_LONG")
    assert [[stored.alt for stored in live.media] for live in linkedin.public] == [
        ["Balai kota"],
        [f"Foto {i}" for i in images],
    ]


def test_an_image_is_waited_for(linkedin, member):
    linkedin.image_polls = 1
    urn = member.start("image").json()["value"]["image"]
    waiting = member.status(urn)
    sent = member.image()
    early = member.post(content={"media": {"id": sent}})

    states = [member.status(sent) for _ in range(2)]

    assert waiting == "WAITING_UPLOAD"
    assert code(early) == (400, "MEDIA_ASSET_WAITING_UPLOAD")
    assert states == ["PROCESSING", "AVAILABLE"]
    assert member.post(content={"media": {"id": sent}}).status_code == 201


@pytest.mark.parametrize("data", [b"%PDF-1.7", png(6013, 6013)])
def test_a_file_that_is_no_image_or_too_large_fails_in_processing(member, data):
    urn = member.image(data)

    assert member.status(urn) == "PROCESSING_FAILED"
    assert code(member.post(content={"media": {"id": urn}})) == (400, "MEDIA_ASSET_PROCESSING_FAILED")


def test_an_upload_address_is_signed_and_ends(linkedin, member, clock):
    address = member.start("image").json()["value"]["uploadUrl"]

    assert member.call("PUT", address[:-1], data=png()).status_code == 403
    assert member.call("PUT", address, data=png(), headers={"Authorization": "Bearer x"}).status_code == 401
    clock.time += timedelta(days=2)
    assert code(member.call("PUT", address, data=png())) == (400, "EXPIRED_UPLOAD_URL")


def test_a_video_goes_up_in_parts_each_to_its_own_address(linkedin, member):
    linkedin.part_bytes = 30_000
    data = mp4()
    value = member.start("video", fileSizeBytes=len(data)).json()["value"]

    tags = member.parts(data, value, order=[2, 0, 1])
    finalized = member.finalize(value, tags)
    states = [member.status(value["video"]) for _ in range(2)]
    posted = member.post("Video", content={"media": {"id": value["video"]}})

    assert [told["lastByte"] for told in value["uploadInstructions"]] == [29_999, 59_999, 79_999]
    assert finalized.status_code == 200
    assert states == ["PROCESSING", "AVAILABLE"]
    assert posted.headers["x-restli-id"].startswith("urn:li:ugcPost:")
    assert linkedin.public[0].media[0].bytes == data


def test_finalizing_wants_every_part_in_order_and_the_token(linkedin, member):
    linkedin.part_bytes = 40_000
    data = mp4()
    value = member.start("video", fileSizeBytes=len(data)).json()["value"]

    nothing = member.finalize(value, [])
    tags = member.parts(data, value)

    assert code(nothing) == (400, "MEDIA_ASSET_WAITING_UPLOAD")
    assert code(member.finalize(value, tags[::-1])) == (400, "INVALID_VALUE_FOR_FIELD")
    assert code(member.finalize(value, [f'"{tag}"' for tag in tags])) == (400, "INVALID_VALUE_FOR_FIELD")
    assert code(member.finalize(value, tags, uploadToken="")) == (400, "INVALID_VALUE_FOR_FIELD")
    assert member.finalize(value, tags).status_code == 200


@pytest.mark.parametrize(
    ("data", "announced"), [(mp4(seconds=2), None), (mp4(size=60_000), None), (mp4(), 90_000), (png() * 2000, None)]
)
def test_a_video_that_is_too_short_too_small_or_not_whole_fails_in_processing(linkedin, member, data, announced):
    linkedin.video_polls = 0

    assert member.status(member.video(data, announced)) == "PROCESSING_FAILED"


def test_the_length_of_a_video_is_read_from_its_header():
    assert linkedin_media.mp4_seconds(mp4(seconds=7)) == 7
    assert linkedin_media.mp4_seconds(b"mvhd") is None


# Figures


def statistics(member, **lists):
    named = "".join(f"&{name}={value}" for name, value in lists.items())
    path = "/rest/organizationalEntityShareStatistics?q=organizationalEntity"
    return member.get(f"{path}&organizationalEntity={quote(OWNER, safe='')}{named}")


def test_figures_come_by_kind_and_posts_without_any_are_left_out(linkedin, member, clock):
    share = member.post("Satu").headers["x-restli-id"]
    video = member.video()
    member.status(video)
    film = member.post("Dua", content={"media": {"id": video}}).headers["x-restli-id"]
    fresh = statistics(member, shares=urns(share)).json()["elements"]
    clock.time += timedelta(days=2)

    shares, films = (
        statistics(member, **asked).json() for asked in ({"shares": urns(share)}, {"ugcPosts": urns(film)})
    )

    assert fresh == []
    figures = shares["elements"][0]["totalShareStatistics"]
    assert shares["elements"][0]["share"] == share
    assert films["elements"][0]["ugcPost"] == film
    assert 0 < figures["uniqueImpressionsCount"] <= figures["impressionCount"]
    assert code(statistics(member, shares=urns(film))) == (400, "INVALID_URN_TYPE")


def test_figures_are_for_administrators_and_go_back_a_year(linkedin, member, clock):
    share = member.post().headers["x-restli-id"]
    clock.time += timedelta(days=366)
    assert statistics(member, shares=urns(share)).json()["elements"] == []

    linkedin.accounts[0] = replace(linkedin.accounts[0], role="CONTENT_ADMINISTRATOR")

    assert code(statistics(member, shares=urns(share))) == (403, "ACCESS_DENIED")


def test_reactions_add_up_and_a_deleted_post_is_an_error(member, clock, linkedin):
    stays, goes = (member.post(f"Nomor {number}").headers["x-restli-id"] for number in (1, 2))
    member.call("DELETE", f"/rest/posts/{quote(goes, safe='')}")
    clock.time += timedelta(days=2)

    told = member.get(f"/rest/socialMetadata?ids={urns(stays, goes)}").json()

    reactions = told["results"][stays]["reactionSummaries"].values()
    assert sum(one["count"] for one in reactions) == linkedin.counts(linkedin.public[0])["likeCount"] > 0
    assert told["errors"][goes]["status"] == 404


# Faults in LinkedIn's words


@pytest.mark.parametrize(
    ("verb", "refusal"),
    [
        (faults.refuse(), (400, "FIELD_LENGTH_TOO_LONG")),
        (faults.duplicate(), (422, "DUPLICATE_POST")),
        (faults.throttle(), (429, "TOO_MANY_REQUESTS")),
        (faults.expired_token(), (401, "EXPIRED_ACCESS_TOKEN")),
        (faults.error_before(503), (503, None)),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_scripted_refusals_are_in_linkedins_words(linkedin, member, verb, refusal):
    linkedin.script("publish", verb)

    assert code(member.post()) == refusal
    assert linkedin.public == []


def test_both_actions_of_a_video_and_both_readings_of_posts_have_faults_of_their_own(linkedin, member):
    assert linkedin.labels >= {"publish", "upload", "read", "list", "account", "status", "delete", "measure"}
    linkedin.script("finalize", faults.error_before(500))
    linkedin.script("measure", faults.error_before(500))

    value = member.start("video", fileSizeBytes=80_000).json()["value"]

    assert member.finalize(value, []).status_code == 500
    assert member.get(f"/rest/posts?ids={urns('urn:li:share:1')}").status_code == 500
    assert listed(member).status_code == 200
