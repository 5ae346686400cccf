import json
from datetime import timedelta

import pytest
import requests

from dissem.rehearsal import faults
from dissem.rehearsal.wordpress import WordPressStandin
from dissem.rehearsal.wordpress_text import allowed, slug, words

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0" + b"\0" * 40
MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 40


@pytest.fixture
def wordpress(clock):
    with WordPressStandin(now=clock) as running:
        yield running
    assert running.accidents == []


def call(standin, method, path, *, user="humas", password=None, **options):
    known = next((account for account in standin.accounts if account.handle == user), standin.accounts[0])
    auth = (user, password or known.token) if user else None
    return requests.request(method, f"{standin.url}/wp-json/wp/v2{path}", auth=auth, timeout=5, **options)


def draft(standin, user="humas", **fields):
    values = {"title": "Banjir surut", "content": "<p>Warga pulang.</p>", **fields}
    return call(standin, "POST", "/posts", json=values, user=user)


def flip(standin, number, status="publish", **options):
    return call(standin, "POST", f"/posts/{number}", json={"status": status}, **options)


def upload(standin, data=PNG, name="foto.png", user="humas", **fields):
    return call(standin, "POST", "/media", files={"file": (name, data)}, data=fields, user=user)


def code(answer):
    return answer.status_code, answer.json()["code"]


# People


def test_the_site_says_where_application_passwords_are_made(wordpress):
    root = requests.get(f"{wordpress.url}/wp-json/", timeout=5).json()

    assert "wp/v2" in root["namespaces"]
    assert "authorization" in root["authentication"]["application-passwords"]["endpoints"]


def test_an_application_password_is_good_with_and_without_its_blanks(wordpress):
    spaced = call(wordpress, "GET", "/users/me?context=edit")
    tight = call(wordpress, "GET", "/users/me", password=wordpress.token.replace(" ", ""))

    assert spaced.json()["roles"] == ["author"]
    assert spaced.json()["capabilities"]["publish_posts"] is True
    assert tight.json()["name"] == "Humas Kota"
    assert "capabilities" not in tight.json()


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        ("", None, (401, "rest_not_logged_in")),
        ("siapa", "x", (401, "invalid_username")),
        ("humas", "salah", (401, "incorrect_password")),
    ],
)
def test_who_cannot_log_in_is_told_why(wordpress, user, password, expected):
    assert code(call(wordpress, "GET", "/users/me", user=user, password=password)) == expected


def test_a_host_may_take_the_login_away(wordpress):
    wordpress.drops_authorization = True

    assert code(draft(wordpress)) == (401, "rest_cannot_create")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/posts", "rest_cannot_create"),
        ("POST", "/media", "rest_cannot_create"),
        ("POST", "/tags", "rest_cannot_create"),
        ("GET", "/posts?status=draft", "rest_invalid_param"),
        ("POST", "/posts/9", "rest_post_invalid_id"),
        ("GET", "/nothing", "rest_no_route"),
    ],
)
def test_a_stranger_may_write_nothing(wordpress, method, path, expected):
    assert code(call(wordpress, method, path, user=""))[1] == expected


def test_a_contributor_writes_drafts_and_no_more(wordpress):
    wordpress.roles["humas"] = "contributor"
    made = draft(wordpress)

    assert made.json()["status"] == "draft"
    assert code(flip(wordpress, made.json()["id"])) == (403, "rest_cannot_publish")
    assert code(upload(wordpress)) == (400, "rest_cannot_create")
    assert wordpress.public == []


def test_an_author_writes_only_what_is_their_own(wordpress):
    number = draft(wordpress).json()["id"]

    assert code(flip(wordpress, number, user="dishub")) == (403, "rest_cannot_edit")
    assert code(call(wordpress, "GET", f"/posts/{number}", user="dishub")) == (403, "rest_forbidden")

    wordpress.roles["dishub"] = "editor"
    assert flip(wordpress, number, user="dishub").status_code == 200


# Posts


def test_a_draft_is_seen_by_nobody_until_it_is_flipped(wordpress, clock):
    made = draft(wordpress, slug="banjir-surut")
    assert (made.status_code, made.json()["status"]) == (201, "draft")
    assert made.headers["Location"].endswith(f"/posts/{made.json()['id']}")
    assert wordpress.public == []
    assert code(call(wordpress, "GET", f"/posts/{made.json()['id']}", user="")) == (401, "rest_forbidden")

    clock.time += timedelta(hours=1)
    told = flip(wordpress, made.json()["id"]).json()

    (live,) = wordpress.public
    assert (live.id, live.url, live.at) == (str(told["id"]), told["link"], clock.time)
    assert live.text == "Banjir surut\n\nWarga pulang."
    assert "Warga pulang." in requests.get(live.url, timeout=5).text
    assert wordpress.unknown_fields == []


def test_flipping_twice_is_the_same_post(wordpress):
    number = draft(wordpress).json()["id"]

    answers = [flip(wordpress, number) for _ in range(2)]

    assert [answer.json()["status"] for answer in answers] == ["publish", "publish"]
    assert len(wordpress.public) == 1


def test_a_slug_that_is_taken_gets_a_number_and_a_second_post(wordpress):
    slugs = [draft(wordpress, slug="banjir").json()["slug"] for _ in range(3)]

    assert slugs == ["banjir", "banjir-2", "banjir-3"]
    assert len(wordpress.posts) == 3


def test_a_search_by_slug_sees_only_what_is_public_unless_asked(wordpress):
    number = draft(wordpress, slug="banjir").json()["id"]

    plain = call(wordpress, "GET", "/posts?slug=banjir").json()
    every = call(wordpress, "GET", "/posts?slug=banjir&status=draft,publish&context=edit").json()

    assert plain == []
    assert [(post["id"], post["content"]["raw"]) for post in every] == [(number, "<p>Warga pulang.</p>")]


def test_the_trash_changes_the_slug_and_a_second_time_is_gone(wordpress):
    number = draft(wordpress, slug="banjir").json()["id"]
    flip(wordpress, number)

    first = call(wordpress, "DELETE", f"/posts/{number}").json()
    second = call(wordpress, "DELETE", f"/posts/{number}")

    assert (first["status"], first["slug"]) == ("trash", "banjir__trashed")
    assert code(second) == (410, "rest_already_trashed")
    assert wordpress.public == []


def test_without_a_trash_only_force_deletes(wordpress):
    wordpress.keeps_trash = False
    number = draft(wordpress).json()["id"]
    flip(wordpress, number)

    assert code(call(wordpress, "DELETE", f"/posts/{number}")) == (501, "rest_trash_not_supported")
    assert call(wordpress, "DELETE", f"/posts/{number}?force=true").json()["deleted"] is True
    assert code(call(wordpress, "GET", f"/posts/{number}")) == (404, "rest_post_invalid_id")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": "", "content": ""}, "empty_content"),
        ({"status": "public"}, "rest_invalid_param"),
        ({"title": 5}, "rest_invalid_param"),
        ({"featured_media": 99}, "rest_invalid_featured_media"),
        ({"featured_media": "x"}, "rest_invalid_param"),
        ({"tags": ["banjir"]}, "rest_invalid_param"),
        ({"tags": [99]}, "rest_invalid_param"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(wordpress, fields, expected):
    assert code(draft(wordpress, **fields)) == (400, expected)
    assert wordpress.posts == {}


def test_parameters_that_nobody_knows_are_ignored_and_told_in_the_journal(wordpress):
    assert draft(wordpress, link="https://a.id").status_code == 201
    assert wordpress.unknown_fields == ["link"]


def test_what_an_author_may_not_write_is_taken_out(wordpress):
    content = '<p onclick="x()">Halo</p><script>alert(1)</script><iframe src="https://a.id"></iframe>'

    made = draft(wordpress, content=content).json()

    assert made["content"]["raw"] == "<p>Halo</p>alert(1)"


def test_a_plugin_may_make_something_else_of_publishing(wordpress):
    wordpress.forces = "pending"

    told = flip(wordpress, draft(wordpress).json()["id"]).json()

    assert told["status"] == "pending"
    assert wordpress.public == []


def test_a_public_post_made_a_draft_again_is_seen_no_more(wordpress):
    number = draft(wordpress).json()["id"]
    flip(wordpress, number)

    flip(wordpress, number, "draft")

    assert wordpress.public == []


def test_listings_come_in_pages(wordpress):
    for _ in range(3):
        flip(wordpress, draft(wordpress).json()["id"])

    page = call(wordpress, "GET", "/posts?per_page=2&page=2", user="")

    assert (len(page.json()), page.headers["X-WP-Total"], page.headers["X-WP-TotalPages"]) == (1, "3", "2")
    assert code(call(wordpress, "GET", "/posts?per_page=101")) == (400, "rest_invalid_param")
    assert code(call(wordpress, "GET", "/posts?page=9")) == (400, "rest_post_invalid_page_number")


# Media and tags


def test_a_file_has_title_alt_text_and_an_address(wordpress):
    made = upload(wordpress, title="Peta", alt_text="Peta <utara> & selatan", slug="peta-1")

    told = made.json()
    assert made.status_code == 201
    assert (told["title"]["raw"], told["alt_text"], told["slug"]) == ("Peta", "Peta & selatan", "peta-1")
    assert requests.get(told["source_url"], timeout=5).content == PNG
    assert wordpress.unknown_fields == []


def test_a_file_may_be_the_body_itself(wordpress):
    headers = {"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="foto.png"'}

    assert call(wordpress, "POST", "/media", data=PNG, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("headers", "data", "expected"),
    [
        ({}, b"", "rest_upload_no_data"),
        ({"Content-Type": ""}, PNG, "rest_upload_no_content_type"),
        ({"Content-Type": "image/png"}, PNG, "rest_upload_no_content_disposition"),
        ({"Content-Type": "image/png", "Content-Disposition": "attachment"}, PNG, "rest_upload_invalid_disposition"),
    ],
)
def test_a_body_without_its_name_is_refused(wordpress, headers, data, expected):
    assert code(call(wordpress, "POST", "/media", data=data, headers=headers)) == (400, expected)


@pytest.mark.parametrize(
    ("data", "name"), [(b"%PDF-1.7", "foto.jpg"), (PNG, "foto.jpg"), (PNG, "foto"), (b"x", "a.txt")]
)
def test_a_file_that_is_not_what_its_name_says_is_refused_with_500(wordpress, data, name):
    assert code(upload(wordpress, data, name)) == (500, "rest_upload_unknown_error")


def test_a_file_beyond_the_limit_of_the_server_in_front_gets_its_page(wordpress):
    wordpress.most_bytes = 50

    answer = upload(wordpress)

    assert answer.status_code == 413
    assert "413" in answer.text


def test_a_file_of_a_draft_is_listed_only_for_its_writer(wordpress):
    number = draft(wordpress).json()["id"]
    upload(wordpress, slug="peta-1", post=str(number))

    lists = [call(wordpress, "GET", "/media?slug=peta-1", user=user).json() for user in ("humas", "dishub", "")]
    flip(wordpress, number)

    assert [len(found) for found in lists] == [1, 0, 0]
    assert len(call(wordpress, "GET", "/media?slug=peta-1", user="").json()) == 1


def test_a_post_shows_its_featured_picture_and_what_stands_in_its_text(wordpress):
    first, second = (upload(wordpress, name=f"{n}.png", alt_text="A &lt;b").json() for n in (1, 2))
    film = upload(wordpress, MP4, "klip.mp4").json()
    content = (
        f'<figure><img src="{second["source_url"]}" alt="B &amp; C"/></figure>'
        f'<video controls src="{film["source_url"]}" aria-label="D"></video><img src="https://elsewhere.example/x.png">'
    )
    number = draft(wordpress, content=content, featured_media=first["id"]).json()["id"]

    flip(wordpress, number)

    assert [stored.alt for stored in wordpress.public[0].media] == ["A <b", "B & C", "D"]
    assert [stored.type for stored in wordpress.public[0].media] == ["image/png", "image/png", "video/mp4"]


def test_a_tag_that_is_there_names_its_number(wordpress):
    first = call(wordpress, "POST", "/tags", json={"name": "Pasar Raya"})
    second = call(wordpress, "POST", "/tags", json={"name": "pasar raya"})

    assert first.status_code == 201
    assert code(second) == (400, "term_exists")
    assert second.json()["data"]["term_id"] == first.json()["id"]
    assert code(call(wordpress, "POST", "/tags", json={})) == (400, "rest_missing_callback_param")


# Wording and texts


@pytest.mark.parametrize(
    ("verb", "status", "expected"),
    [
        (faults.refuse(), 400, "rest_invalid_param"),
        (faults.expired_token(), 401, "incorrect_password"),
        (faults.error_before(500), 500, "internal_server_error"),
        (faults.error_before(503), 503, None),
        (faults.throttle(9), 429, None),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_faults_speak_as_the_site_or_what_is_before_it_does(wordpress, verb, status, expected):
    number = draft(wordpress).json()["id"]
    wordpress.script("publish", verb)

    answer = flip(wordpress, number)

    assert answer.status_code == status
    if expected:
        assert answer.json()["code"] == expected
    else:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["Retry-After"] in ("600", "9")
    assert wordpress.public == []


def test_a_change_that_publishes_is_the_publishing(wordpress):
    number = draft(wordpress).json()["id"]
    call(wordpress, "POST", f"/posts/{number}", json={"content": "<p>Baru</p>"})
    flip(wordpress, number)

    assert [entry.label for entry in wordpress.journal] == ["draft", "update", "publish"]
    assert "publish" in wordpress.labels


@pytest.mark.parametrize("path", ["/posts", "/posts/101"])
def test_a_body_that_is_no_json_is_refused(wordpress, path):
    draft(wordpress)
    headers = {"Content-Type": "application/json"}

    assert code(call(wordpress, "POST", path, data="{", headers=headers)) == (400, "rest_invalid_json")


def test_no_password_is_in_the_journal(wordpress):
    draft(wordpress)

    assert wordpress.token not in json.dumps([vars(entry) for entry in wordpress.journal], default=str)


@pytest.mark.parametrize(
    ("text", "taken", "expected"),
    [
        ("Éro & Kita!", (), "ero-kita"),
        ("a  -  b", (), "a-b"),
        ("banjir", {"banjir"}, "banjir-2"),
        ("banjir", {"banjir", "banjir-2"}, "banjir-3"),
        ("a" * 250, (), "a" * 200),
    ],
)
def test_slugs_are_plain_and_unique(text, taken, expected):
    assert slug(text, taken) == expected


def test_what_people_read_is_without_elements():
    assert words("<!-- wp:x --><h2>A</h2><p>B &lt;c&gt;<br>D</p>") == "A\nB <c>\nD"
    assert allowed("<b>a</b><iframe></iframe>") == "<b>a</b>"
