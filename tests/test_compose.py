"""What a channel is asked to publish: texts that fit, chains that lose nothing, pictures without secrets."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dissem import rehearsal
from dissem.channels import letters
from dissem.channels.adapter import Account, Adapter, Facts, Part, Receipt
from dissem.channels.x_text import weight
from dissem.compose import media
from dissem.compose.attach import Picture
from dissem.compose.post import compose, shown
from dissem.compose.text import from_markdown, hashtag, shorten, split
from dissem.errors import WrongInput, told
from dissem.models.release import Kind, Release

CLIP = Path(rehearsal.__file__).parent / "material" / "clip.mp4"
CANARY = "Rumah Ibu Siti, Jalan Melati 7"
SECOND = datetime(2026, 11, 23, 1, 40, tzinfo=UTC)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def platform(*, count=len, **facts) -> type[Adapter]:
    """An adapter class of a platform with these facts that counts in this way."""
    given = Facts(**{"label": "Papan", "text": 500, "images": 4, "videos": 1, "alt": 1500, **facts})

    class Board(Adapter):
        platform = "board"
        facts = given

        @classmethod
        def length(cls, text: str) -> int:
            return count(text)

        def check(self) -> Account:
            raise NotImplementedError

        def publish(self, part, prepared) -> Receipt:
            raise NotImplementedError

    return Board


def release(**changes) -> Release:
    told = {
        "id": 4,
        "kind": Kind.PRESS_RELEASE,
        "agency": "dishub",
        "title": "Jalan Sudirman ditutup Minggu pagi",
        "body": "Jalan itu **ditutup** untuk gerak jalan.\n\nLewat [Jalan Veteran](https://padang.go.id/peta), ya!",
        "tags": ["gerak jalan", "Padang"],
        "author_id": 1,
        "editor_id": 1,
        "created": SECOND,
        "edited": SECOND,
    }
    return Release(**{**told, **changes})


def post(given: Release, kind: type[Adapter], *pictures: Picture, folder=Path("/nowhere"), seed="release 4/channel 7"):
    return compose(given, pictures, agency="Dinas Perhubungan", kind=kind, folder=folder, seed=seed)


def warned(made) -> list[str]:
    return [told(warning) for warning in made.warnings]


@pytest.fixture(autouse=True, scope="module")
def _one_child():
    """One process reads the pictures of all tests here."""
    with media.batch():
        yield


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "media"


@pytest.fixture
def photo(tmp_path, folder):
    """photo(name, alt, size) → a stored JPEG with a place in its Exif data and a note of the camera."""

    def photo(name="photo.jpg", alt="Warga berjalan di tepi pantai", size=(64, 48), shade=90) -> Picture:
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn
        exif[0x010E] = CANARY
        exif.get_ifd(0x8825).update({1: "S", 2: (0.0, 56.0, 42.5), 3: "E", 4: (100.0, 21.0, 14.0), 28: CANARY.encode()})
        path = tmp_path / name
        Image.new("RGB", size, (200, shade, 40)).save(path, "JPEG", exif=exif, comment=CANARY.encode())
        return Picture(media.keep_original(path, folder), alt, name)

    return photo


@pytest.fixture
def clip(folder):
    return Picture(media.keep_original(CLIP, folder), "Apel pagi di balai kota", "apel.mp4")


# Markdown


def test_markdown_becomes_text_that_reads_well_without_it():
    text = from_markdown(
        "# Jalan *ditutup*\n\nHari: **Minggu**\nPukul: `07.00`\n\n- satu\n  - dalam\n- dua &amp; ~~tiga~~\n\n"
        "3. tiga\n4. empat\n\n> kutipan\n\n---\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n![Peta jalan](peta.png)\n"
    )

    assert text == (
        "Jalan ditutup\n\nHari: Minggu\nPukul: 07.00\n\n• satu\n  • dalam\n• dua & tiga\n\n"
        "3. tiga\n4. empat\n\nkutipan\n\nA | B\n1 | 2\n\nPeta jalan"
    )


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("[jadwal](https://padang.go.id/a)", "jadwal (https://padang.go.id/a)"),
        ("[https://padang.go.id/a](https://padang.go.id/a)", "https://padang.go.id/a"),
        ("[padang.go.id](https://padang.go.id/)", "https://padang.go.id/"),
        ("<https://padang.go.id/a>", "https://padang.go.id/a"),
        ("<humas@padang.go.id>", "humas@padang.go.id"),
        ("[kami](mailto:humas@padang.go.id)", "kami (humas@padang.go.id)"),
        ("[di bawah](#syarat)", "di bawah"),
        ("<b>tebal</b>", "<b>tebal</b>"),
    ],
)
def test_a_link_shows_its_address_once(markdown, text):
    assert from_markdown(markdown) == text


def test_control_characters_from_office_programs_are_left_out():
    assert from_markdown("satu\x0bdua\x00\r\ntiga\x07") == "satudua\ntiga"


# Hashtags


@pytest.mark.parametrize(
    ("tag", "word"),
    [
        ("pasar raya", "PasarRaya"),
        ("PasarRaya", "PasarRaya"),
        ("#Padang", "Padang"),
        ("Jum'at bersih", "JumatBersih"),
        ("17 agustus", "17Agustus"),
        ("kota-tua: indah!", "KotaTuaIndah"),
        ("हिन्दी दिवस", "हिन्दीदिवस"),
        ("2026", ""),
        ("!?", ""),
    ],
)
def test_a_tag_becomes_one_word_of_letters_and_digits(tag, word):
    assert hashtag(tag) == word


# Shortening


def test_a_text_that_fits_is_left_as_it_is():
    assert shorten("Tepat muat.", 11, len) == "Tepat muat."


def test_a_text_is_cut_after_a_sentence_where_one_ends_late_enough():
    text = "Jalan Sudirman ditutup hari Minggu. Lewat Jl. Veteran saja."

    assert shorten(text, 50, len) == "Jalan Sudirman ditutup hari Minggu. …"


def test_an_abbreviation_does_not_end_a_sentence():
    assert shorten("Pawai melewati Jl. Sudirman dan Jl. Veteran.", 30, len) == "Pawai melewati Jl. Sudirman…"


def test_a_text_is_cut_after_a_word_and_no_bullet_or_comma_is_left_hanging():
    assert shorten("Bawalah payung, sandal", 16, len) == "Bawalah payung…"
    assert shorten("Bawalah\n• payung\n• sandal", 10, len) == "Bawalah…"


def test_a_link_is_kept_whole_or_not_at_all_and_the_mark_stands_apart():
    text = "Baca https://padang.go.id/jadwal sekarang juga"

    assert shorten(text, 36, len) == "Baca https://padang.go.id/jadwal …"
    assert shorten(text, 30, len) == "Baca…"
    assert shorten("https://padang.go.id/jadwal", 20, len) == "…"


def test_a_script_without_blanks_is_cut_between_letters():
    assert shorten("巴东市政府" * 5, 21, weight) == "巴东市政府巴东市政…"


def test_a_letter_made_of_several_characters_is_never_cut():
    family = "👨‍👩‍👧‍👦"

    assert shorten(family * 3, len(family) + 4, len) == family + "…"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.integers(1, 60), st.sampled_from([len, utf16, weight]))
def test_a_shortened_text_fits_and_begins_like_the_whole(text, limit, count):
    short = shorten(text, max(limit, count("…")), count)

    assert count(short) <= max(limit, count("…"))
    kept = short if short == text.strip() else short.removesuffix("…").rstrip()
    assert text.strip().startswith(kept)


# Chains


def test_a_chain_is_numbered_and_breaks_at_paragraphs():
    first, second = "Satu dua tiga empat lima enam tujuh.", "Delapan sembilan sepuluh."

    assert split(f"{first}\n\n{second}", 50, len) == [f"{first} (1/2)", f"{second} (2/2)"]


def test_a_text_that_fits_has_no_number():
    assert split("Tepat muat.", 11, len) == ["Tepat muat."]


def test_numbers_of_two_digits_are_counted_too():
    parts = split("kata " * 200, 60, len)

    assert len(parts) > 9
    assert parts[-1].endswith(f"({len(parts)}/{len(parts)})")
    assert all(len(part) <= 60 for part in parts)


def test_what_does_not_fit_on_its_own_is_cut_rather_than_lost():
    link = "https://padang.go.id/" + "x" * 100

    pieces = [part.rsplit(" (", 1)[0] for part in split(f"Baca {link} ya", 60, len)]

    assert "".join(pieces).replace(" ", "") == f"Baca{link}ya"


def test_no_room_for_a_single_letter_is_an_error_and_no_endless_loop():
    with pytest.raises(ValueError, match="no room"):
        split("panjang sekali", 3, len)


def test_a_very_long_word_takes_no_longer_than_a_text_of_its_size():
    counted = []

    split("a" * 20_000, 280, lambda text: counted.append(len(text)) or len(text))

    assert sum(counted) < 100 * 20_000  # far from the square of the length


words = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C", "M")), min_size=1, max_size=20)
blanks = st.sampled_from([" ", " ", " ", "\n", "\n\n", ". "])


@st.composite
def texts(draw, most=60):
    return "".join(word + draw(blanks) for word in draw(st.lists(words, max_size=most)))


@settings(max_examples=100, deadline=None)
@given(texts(), st.integers(60, 200), st.sampled_from([len, utf16, weight]))
def test_a_chain_fits_and_loses_no_word(text, limit, count):
    parts = split(text, limit, count)

    total = len(parts)
    pieces = [part.removesuffix(f" ({number}/{total})") for number, part in enumerate(parts, 1)]
    assert " ".join(pieces).split() == text.split()
    assert all(count(part) <= limit for part in parts)
    assert all(pieces) or not text.strip()


# The text of a post


def test_a_post_is_title_body_link_and_hashtags_below_each_other():
    made = post(release(link="https://humas.padang.go.id/4"), platform())

    (part,) = made.parts
    assert part.text == (
        "Jalan Sudirman ditutup Minggu pagi\n\nJalan itu ditutup untuk gerak jalan.\n\n"
        "Lewat Jalan Veteran (https://padang.go.id/peta), ya!\n\nhttps://humas.padang.go.id/4\n\n#GerakJalan #Padang"
    )
    assert (part.tags, part.link) == (("GerakJalan", "Padang"), "https://humas.padang.go.id/4")
    assert made.warnings == ()


def test_what_has_a_field_of_its_own_is_not_repeated_in_the_text():
    fields = platform(titled=True, link="field", tags="field")

    (part,) = post(release(body="Isi.", link="https://humas.padang.go.id/4"), fields).parts

    assert part.text == "Isi."
    assert part.title == "Jalan Sudirman ditutup Minggu pagi"
    assert part.link == "https://humas.padang.go.id/4"
    assert part.tags == ("gerak jalan", "Padang")


def test_a_body_that_opens_with_the_title_does_not_say_it_twice():
    (part,) = post(release(body="# Jalan Sudirman ditutup  minggu pagi\n\nIsi.", tags=[]), platform()).parts

    assert part.text == "Jalan Sudirman ditutup Minggu pagi\n\nIsi."


def test_with_a_link_the_body_is_shortened_and_title_link_and_hashtags_stay():
    made = post(release(body="kata " * 300, link="https://humas.padang.go.id/4"), platform(text=280, threads=True))

    (part,) = made.parts
    assert len(part.text) <= 280
    assert part.text.startswith("Jalan Sudirman ditutup Minggu pagi\n\nkata kata")
    assert part.text.endswith("kata…\n\nhttps://humas.padang.go.id/4\n\n#GerakJalan #Padang")
    assert made.warnings == ()


def test_weighted_counting_leaves_room_for_a_long_link():
    link = "https://humas.padang.go.id/" + "x" * 300

    (part,) = post(release(body="kata " * 300, link=link), platform(text=280, count=weight)).parts

    assert link in part.text
    assert 270 < weight(part.text) <= 280


def test_hashtags_give_way_from_the_last_where_the_title_finds_no_room():
    made = post(release(tags=["Padang", "KotaTua", "Sehat"], body="kata " * 90), platform(text=52))

    assert made.parts[0].text == "Jalan Sudirman ditutup Minggu pagi\n\nkata…\n\n#Padang"
    assert len(made.parts[0].text) <= 52
    assert made.parts[0].tags == ("Padang",)
    assert any("#" not in text and "KotaTua Sehat" in text for text in warned(made))


def test_a_title_that_is_too_long_alone_is_shortened():
    made = post(release(title="judul " * 40, tags=[], link="https://p.go.id/4"), platform(text=80))

    (part,) = made.parts
    assert len(part.text) <= 80
    assert part.text.endswith("judul…\n\nhttps://p.go.id/4")


def test_a_body_without_room_leaves_a_mark_behind_the_title():
    title = "j" * 60

    (part,) = post(release(title=title, tags=[], link="https://p.go.id/4"), platform(text=81)).parts

    assert part.text == f"{title} …\n\nhttps://p.go.id/4"


def test_a_link_that_is_too_long_by_itself_is_left_out_with_a_warning():
    made = post(release(link="https://p.go.id/" + "x" * 80), platform(text=60))

    assert made.parts[0].link is None
    assert "The link is too long for Papan" in warned(made)[0]


def test_a_tag_that_cannot_be_a_hashtag_is_named():
    made = post(release(tags=["2026", "Padang", "padang"]), platform())

    assert made.parts[0].tags == ("Padang",)
    assert "“2026”" in warned(made)[0]


def test_without_link_a_long_text_goes_on_in_a_chain():
    made = post(release(body="Satu kalimat lengkap. " * 20), platform(text=300, threads=True))

    first, second = made.parts
    assert first.text.endswith("lengkap. (1/2)")
    assert second.text.endswith("#GerakJalan #Padang (2/2)")
    assert (first.title, second.title) == ("Jalan Sudirman ditutup Minggu pagi",) * 2


def test_a_long_chain_is_worth_a_warning():
    made = post(release(body="Satu kalimat lengkap. " * 80), platform(text=280, threads=True))

    assert f"a chain of {len(made.parts)} posts" in warned(made)[0]


def test_without_link_and_chain_the_end_is_missing_and_a_warning_says_what_helps():
    made = post(release(body="kata " * 300), platform(text=280))

    (part,) = made.parts
    assert "kata…" in part.text
    assert warned(made) == [
        "Papan does not show the end of the text. Give the release a link to the whole text, or shorten it."
    ]


def test_a_caption_holds_the_title_and_the_whole_text_follows(photo, folder):
    given = release(body="Satu kalimat lengkap. " * 20)

    first, second = post(given, platform(text=4096, caption=100, threads=True), photo(), folder=folder).parts

    assert first.text == "Jalan Sudirman ditutup Minggu pagi"
    assert len(first.attachments) == 1
    assert second.text.startswith("Jalan Sudirman ditutup Minggu pagi\n\nSatu kalimat")
    assert second.text.endswith("#GerakJalan #Padang")
    assert second.attachments == ()


def test_a_text_too_long_even_for_one_message_follows_the_caption_in_a_chain(photo, folder):
    given = release(body="Satu kalimat lengkap. " * 30)

    parts = post(given, platform(text=450, caption=100, threads=True, count=utf16), photo(), folder=folder).parts

    assert parts[0].text == "Jalan Sudirman ditutup Minggu pagi"
    assert [part.text[-6:] for part in parts[1:]] == [" (1/2)", " (2/2)"]


def test_the_limit_of_captions_counts_only_beside_media():
    (part,) = post(release(), platform(text=4096, caption=20, threads=True)).parts

    assert "gerak jalan." in part.text


def test_a_platform_that_shows_everything_gets_the_whole_body_and_a_summary():
    body = "# Ringkas\n\n" + "Satu kalimat **lengkap**. " * 40

    (part,) = post(release(body=body, link="https://p.go.id/4"), platform(full=True, titled=True, text=None)).parts

    assert part.body == body
    assert part.text.startswith("Ringkas\n\nSatu kalimat lengkap.")
    assert len(part.text) <= 300
    assert part.link == "https://p.go.id/4"


def test_nothing_to_publish_is_refused():
    with pytest.raises(WrongInput, match="Papan"):
        post(release(title="", body="", tags=[]), platform())


@settings(max_examples=150, deadline=None)
@given(
    title=texts(most=15),
    body=texts(),
    tags=st.lists(words, max_size=4),
    link=st.none() | st.sampled_from(["https://p.go.id/4", "https://p.go.id/" + "x" * 150]),
    limit=st.integers(60, 300),
    count=st.sampled_from([len, utf16, weight, letters.count]),
    threads=st.booleans(),
    titled=st.booleans(),
)
def test_whatever_people_write_every_part_fits_and_none_is_empty(
    title, body, tags, link, limit, count, threads, titled
):
    kind = platform(text=limit, threads=threads, titled=titled, count=count)

    made = post(release(title="Judul " + title, body="Isi " + body, tags=tags, link=link), kind)

    assert all(0 < count(part.text) <= limit for part in made.parts)
    if len(made.parts) > 1:
        pieces = [part.text.rsplit(" (", 1)[0] for part in made.parts]
        expected = ("" if titled else f"Judul {title} ") + from_markdown("Isi " + body)
        assert " ".join(pieces).split()[: len(expected.split())] == expected.split()


# Keys


def test_the_same_content_has_the_same_key_and_any_change_another(photo, folder):
    picture = photo()
    board = platform()

    def key(given=None, *pictures, seed="release 4/channel 7"):
        return post(given or release(), board, *pictures, folder=folder, seed=seed).parts[0].key

    keys = [
        key(),
        key(release(title="Lain")),
        key(release(body="Lain")),
        key(release(tags=["lain"])),
        key(release(link="https://p.go.id/4")),
        key(release(language="en")),
        key(None, picture),
        key(None, Picture(picture.original, "Teks lain", picture.name)),
        key(seed="release 4/channel 8"),
    ]
    assert key() == keys[0]
    assert key(None, picture) == keys[6]
    assert len({*keys}) == len(keys)


def test_the_key_does_not_depend_on_the_zone_in_which_the_time_of_making_is_told():
    from zoneinfo import ZoneInfo

    there = release(created=SECOND.astimezone(ZoneInfo("Asia/Jakarta")))

    assert post(there, platform()).parts == post(release(), platform()).parts


def test_parts_of_a_chain_have_different_keys_and_come_back_from_json():
    made = post(release(body="kata " * 300), platform(text=280, threads=True))

    assert len({part.key for part in made.parts}) == len(made.parts)
    assert [Part.thawed(json.loads(json.dumps(part.frozen())), {}) for part in made.parts] == [*made.parts]


# Pictures and videos


def test_what_is_sent_is_turned_and_says_nothing_of_place_or_camera(photo, folder):
    picture = photo(size=(64, 48))
    kept = media.stored(folder, picture.original.sha256, "image/jpeg").read_bytes()

    made = post(release(), platform(), picture, folder=folder)

    (attachment,) = made.parts[0].attachments
    sent = attachment.path.read_bytes()
    assert CANARY.encode() in kept
    assert CANARY.encode() not in sent
    with Image.open(attachment.path) as image:
        assert not image.getexif()
        assert image.size == (attachment.width, attachment.height) == (48, 64)
    assert len(sent) == attachment.size
    assert media.stored(folder, picture.original.sha256, "image/jpeg").read_bytes() == kept


def test_every_file_made_is_named_with_its_original(photo, folder):
    picture = photo(size=(400, 300))

    made = post(release(), platform(image_side=100), picture, folder=folder)

    (attachment,) = made.parts[0].attachments
    assert max(attachment.width, attachment.height) == 100
    assert [file.made_from for file in made.made] == [picture.original.sha256] * 2
    assert attachment.sha256 == made.made[-1].sha256
    assert all(media.digest(media.stored(folder, file.sha256, file.type)) == file.sha256 for file in made.made)


def test_a_file_that_people_named_keeps_its_name_in_an_error(photo, folder):
    with pytest.raises(WrongInput, match=r"pawai\.jpg"):
        post(release(), platform(image_bytes=10), photo("pawai.jpg"), folder=folder)


def test_pictures_beyond_the_limit_are_left_out_and_counted(photo, folder):
    pictures = [photo(f"{number}.jpg", shade=40 * number) for number in range(5)]

    made = post(release(), platform(images=2), *pictures, folder=folder)

    assert [file["name"] for file in shown(made, platform(images=2))[0]["attachments"]] == ["0.jpg", "1.jpg"]
    assert warned(made)[0].startswith("Left out on Papan: 3 of 5 pictures")


def test_where_they_do_not_mix_the_video_wins_in_a_video_release_and_pictures_elsewhere(photo, clip, folder):
    def types(kind, board):
        made = post(release(kind=kind), board, photo(), clip, folder=folder)
        return [attachment.type for attachment in made.parts[0].attachments], warned(made)

    assert types(Kind.VIDEO, platform())[0] == ["video/mp4"]
    assert "all pictures (1)" in types(Kind.VIDEO, platform())[1][0]
    assert types(Kind.PHOTO, platform())[0] == ["image/jpeg"]
    assert "all videos (1)" in types(Kind.PHOTO, platform())[1][0]
    assert types(Kind.PHOTO, platform(images=0))[0] == ["video/mp4"]


def test_where_they_mix_the_video_of_a_video_release_comes_first(photo, clip, folder):
    def types(kind):
        made = post(release(kind=kind), platform(mixed=True), photo(), clip, folder=folder)
        return [attachment.type for attachment in made.parts[0].attachments]

    assert types(Kind.VIDEO) == ["video/mp4", "image/jpeg"]
    assert types(Kind.PHOTO) == ["image/jpeg", "video/mp4"]


def test_an_album_shared_by_pictures_and_videos_has_one_limit(photo, clip, folder):
    pictures = [photo(f"{number}.jpg", shade=40 * number) for number in range(2)]

    made = post(release(), platform(mixed=True, images=2, videos=2), *pictures, clip, folder=folder)

    assert [attachment.type for attachment in made.parts[0].attachments] == ["image/jpeg"] * 2
    assert "1 of 3 pictures and videos" in warned(made)[0]


@pytest.mark.parametrize(
    ("facts", "needed"),
    [({}, "a picture or video"), ({"images": 0}, "a video"), ({"videos": 0}, "a picture")],
)
def test_a_platform_that_needs_media_refuses_a_release_without(facts, needed):
    with pytest.raises(WrongInput) as refusal:
        post(release(), platform(needs_media=True, **facts))

    assert str(refusal.value) == f"Papan publishes nothing without {needed}."
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"video_types": frozenset({"video/webm"})}, "Papan does not take apel.mp4, a video of type video/mp4."),
        ({"video_bytes": 1000}, "apel.mp4 has 1 MiB, and Papan takes videos of up to 0 MiB."),
        ({"video_seconds": 0.5}, "apel.mp4 lasts {seconds} seconds, and Papan takes videos of up to 0 seconds."),
    ],
)
def test_a_video_that_the_platform_does_not_take_is_refused_in_a_sentence(clip, folder, facts, sentence):
    with pytest.raises(WrongInput) as refusal:
        post(release(kind=Kind.VIDEO), platform(**facts), clip, folder=folder)

    assert str(refusal.value) == sentence.format(seconds=math.ceil(clip.original.duration))


def test_a_video_that_was_left_out_is_not_held_against_the_release(photo, clip, folder):
    made = post(release(), platform(video_bytes=1000), photo(), clip, folder=folder)

    assert len(made.parts[0].attachments) == 1


def test_a_missing_alternative_text_is_told_once_a_picture_and_a_long_one_is_shortened(photo, folder):
    silent, wordy = photo("a.jpg", ""), photo("b.jpg", "kata " * 30, shade=10)

    made = post(release(), platform(alt=60), silent, wordy, folder=folder)

    assert [attachment.alt for attachment in made.parts[0].attachments] == ["", "kata " * 11 + "kata…"]
    assert ["a.jpg" in warned(made)[0], "b.jpg" in warned(made)[1], len(made.warnings)] == [True, True, 2]


def test_a_platform_without_alternative_texts_gets_none_and_nobody_is_warned(photo, folder):
    made = post(release(), platform(alt=0), photo("a.jpg", ""), photo("b.jpg", shade=10), folder=folder)

    assert [attachment.alt for attachment in made.parts[0].attachments] == ["", ""]
    assert made.warnings == ()


# Preview


def test_a_preview_shows_each_part_counted_as_the_platform_counts(photo, folder):
    board = platform(text=4096, caption=100, threads=True, count=utf16)

    first, second = shown(post(release(body="🎉 kata " * 30), board, photo(), folder=folder), board)

    assert (first["number"], first["limit"], first["length"]) == (1, 100, utf16(first["text"]))
    assert (second["number"], second["limit"], second["length"]) == (2, 4096, utf16(second["text"]))
    assert second["length"] > len(second["text"])
    (file,) = first["attachments"]
    assert (file["name"], file["type"], file["alt"]) == ("photo.jpg", "image/jpeg", "Warga berjalan di tepi pantai")
    assert (file["width"], file["height"]) == (48, 64)
    assert json.loads(json.dumps([first, second])) == [first, second]
