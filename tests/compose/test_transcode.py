"""Videos made to fit by ffmpeg: only where they must be, the same again when asked again, and never by surprise."""

import shutil
import subprocess
from pathlib import Path

import pytest
from test_compose import CLIP, platform
from test_media import QUARTER, film, tkhd

from dissem.channels.adapter import Facts
from dissem.compose import films, media, transcode
from dissem.compose.attach import Files, Picture
from dissem.compose.mp4 import Facts as Film
from dissem.compose.transcode import Recipe, recipe
from dissem.errors import WrongInput, told

MOV = frozenset({"video/quicktime"})
H264 = frozenset({"avc1"})
CANARY = "Jalan Melati 7"

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """drawn(name, *words) → a video of half a second that ffmpeg has made with these words."""
    where = tmp_path_factory.mktemp("drawn")

    def drawn(name: str, *words: str, source: str = "testsrc2=s=320x180:d=0.5:r=10") -> Path:
        path = where / name
        if not path.exists():
            command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=0.5", *words]
            subprocess.run([*command, "-metadata", f"comment={CANARY}", path], check=True, timeout=60)
        return path

    return drawn


@pytest.fixture
def mov(drawn) -> Path:
    return drawn("iphone.mov", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le")


@pytest.fixture
def hevc(drawn) -> Path:
    return drawn(
        "hevc.mp4", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"
    )


@pytest.fixture
def heavy(drawn) -> Path:
    return drawn("berat.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "1", source="testsrc2=s=640x360:d=2")


def kept(path: Path, folder: Path) -> Picture:
    return Picture(media.keep_original(path, folder), "", path.name)


def sent(path: Path, folder: Path, **facts):
    """What is sent of the video at *path* to a platform of these facts, and the warnings."""
    return sent_of(kept(path, folder), folder, Facts(**{"label": "Papan", "text": 500, "videos": 1, **facts}))


def sent_of(picture: Picture, folder: Path, facts: Facts):
    warnings = []
    files = Files(folder, platform(), warnings)
    files.facts = facts
    (attachment,) = files.every([picture])
    return attachment, [told(warning.reason()) for warning in warnings]


def only_h264(**facts) -> Facts:
    """A platform that takes H.264 alone."""
    made = Facts(**{"label": "Papan", "text": 500, "videos": 1, **facts})
    object.__setattr__(made, "video_codecs", H264)
    return made


# Which recipe


def shot(video: str = "avc1", audio: str = "mp4a", duration: float = 60) -> Film:
    return Film(1920, 1080, duration, video, audio)


@pytest.mark.parametrize(
    ("film", "size", "codecs", "most", "expected"),
    [
        (shot(), 10**6, frozenset(), 10**9, (True, True)),
        (shot(audio="sowt"), 10**6, frozenset(), 10**9, (True, False)),
        (shot(audio=""), 10**6, frozenset(), 10**9, (True, True)),
        (shot("hvc1"), 10**6, H264, 10**9, (False, True)),
        (shot("hvc1"), 10**6, frozenset(), 10**9, (False, True)),
        (shot("hvc1"), 10**6, H264 | {"hvc1"}, 10**9, (True, True)),
        (shot("apch", "sowt"), 10**6, frozenset(), 10**9, (False, False)),
        (shot(), 10**9, frozenset(), 10**7, (False, False)),
        (shot(duration=3600), 10**9, frozenset(), 10**7, None),
        (shot(), 10**6, frozenset({"vp09"}), 10**9, None),
    ],
)
def test_pictures_and_sounds_are_encoded_anew_only_where_they_must_be(film, size, codecs, most, expected) -> None:
    how = recipe(film, size, codecs, most)

    assert (how and (how.copy, how.copy_sound)) == expected


@pytest.mark.parametrize(("most", "side"), [(10**9, 1920), (15 * 10**6, 1280), (6 * 10**6, 854), (3 * 10**6, 640)])
def test_the_less_room_the_smaller_the_pictures(most: int, side: int) -> None:
    how = recipe(shot(), 10**10, frozenset(), most)

    assert how.side == side
    assert (how.rate + transcode.SOUND_RATE) * 61 / 8 <= most


# Made


@needs_ffmpeg
def test_a_mov_becomes_an_mp4_without_touching_its_pictures(mov, folder) -> None:
    attachment, warnings = sent(mov, folder)

    film = media.film(attachment.path)
    assert attachment.type == "video/mp4"
    assert (film.width, film.height, film.video, film.audio) == (320, 180, "avc1", "mp4a")
    assert film.duration == pytest.approx(0.5, abs=0.2)
    assert warnings == []
    for secret in (CANARY.encode(), b"Lavf", b"VideoHandler"):
        assert secret not in attachment.path.read_bytes()


@needs_ffmpeg
def test_hevc_becomes_h264_where_nothing_else_is_taken_and_people_are_told(hevc, folder) -> None:
    attachment, warnings = sent_of(kept(hevc, folder), folder, only_h264())

    assert media.film(attachment.path).video == "avc1"
    assert warnings == [
        "hevc.mp4 is sent to Papan converted, as MP4 (H.264) of 320 × 180 pixels. Watch it once before it is approved."
    ]


def test_hevc_is_sent_as_it_is_where_no_codec_is_asked_for(folder) -> None:
    attachment, warnings = sent(CLIP, folder)

    assert attachment.size == CLIP.stat().st_size
    assert warnings == []


@needs_ffmpeg
def test_a_heavy_video_becomes_lighter_and_fits(heavy, folder) -> None:
    most = 150_000

    attachment, warnings = sent(heavy, folder, video_bytes=most)

    assert heavy.stat().st_size > 2 * most
    assert attachment.size <= most
    assert attachment.width / attachment.height == pytest.approx(16 / 9, rel=0.02)
    assert len(warnings) == 1


@needs_ffmpeg
def test_a_video_held_upright_stays_upright(mov, folder, tmp_path) -> None:
    upright = tmp_path / "tegak.mov"
    command = ["ffmpeg", "-v", "error", "-i", mov, "-c", "copy", "-metadata:s:v", "rotate=90", upright]
    subprocess.run(command, check=True, timeout=60)

    attachment, _warnings = sent_of(kept(upright, folder), folder, only_h264(video_bytes=60_000))

    assert (media.inspect(upright).width, media.inspect(upright).height) == (180, 320)
    assert (attachment.width, attachment.height) == (180, 320)


# Again


@needs_ffmpeg
def test_asked_again_it_is_the_same_file_and_ffmpeg_is_not_started(mov, folder, monkeypatch) -> None:
    first, _warnings = sent(mov, folder)
    monkeypatch.setattr(transcode, "_run", None)

    again, _warnings = sent(mov, folder)

    assert again == first


@needs_ffmpeg
def test_forgotten_or_lost_it_is_made_again_to_the_same_bytes(mov, folder) -> None:
    first, _warnings = sent(mov, folder)
    first.path.unlink()

    again, _warnings = sent(mov, folder)
    elsewhere, _warnings = sent(mov, folder.with_name("lain"))

    assert again == first
    assert elsewhere.sha256 == first.sha256


@needs_ffmpeg
def test_of_two_who_make_it_at_the_same_time_the_first_counts_even_if_they_make_different_bytes(
    mov, folder, monkeypatch
) -> None:
    first, _warnings = sent(mov, folder)
    remembered = transcode._remembered
    answers = iter([lambda *_: None])
    monkeypatch.setattr(transcode, "_remembered", lambda *given: next(answers, remembered)(*given))
    monkeypatch.setattr(transcode, "SOUND_RATE", 64_000)  # as if by another ffmpeg

    again, _warnings = sent(mov, folder)

    assert again == first
    assert len(list(folder.rglob("*.mp4"))) > 1


# Not made


def test_without_ffmpeg_the_sentence_says_what_people_can_do(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(transcode, "installed", lambda: None)
    path = tmp_path / "klip.mov"
    path.write_bytes(film().replace(b"ftypisom", b"ftypqt  ", 1))

    with pytest.raises(WrongInput) as refusal:
        sent(path, folder)

    assert str(refusal.value) == "Papan does not take klip.mov, a video of type video/quicktime."
    assert refusal.value.hint == "Save it as MP4 and add that file."


def test_without_ffmpeg_a_codec_is_named_as_people_know_it(monkeypatch) -> None:
    monkeypatch.setattr(transcode, "installed", lambda: None)

    with pytest.raises(WrongInput, match=r"does not take a\.mp4, a video encoded as HEVC"):
        films.recipe(films.Video("a.mp4", "video/mp4", 1000, shot("hvc1")), only_h264())


@needs_ffmpeg
def test_what_ffmpeg_cannot_read_costs_a_sentence_and_leaves_nothing(folder, tmp_path) -> None:
    path = tmp_path / "klip.mov"
    path.write_bytes(film().replace(b"ftypisom", b"ftypqt  ", 1))  # boxes without a film in them

    with pytest.raises(WrongInput, match=r"klip\.mov could not be converted here"):
        sent(path, folder)

    assert not list(folder.glob(".*"))
    assert not (folder / "transcoded").exists()


@needs_ffmpeg
def test_a_playlist_is_not_followed_even_if_it_gets_as_far_as_ffmpeg(tmp_path, folder) -> None:
    secret = tmp_path / "rahasia.mp4"
    shutil.copy(CLIP, secret)
    for number, text in enumerate((f"#EXTM3U\n#EXTINF:3,\n{secret}\n", f"ffconcat version 1.0\nfile '{secret}'\n")):
        listed, made = tmp_path / f"{number}.mov", tmp_path / f"{number}.mp4"
        listed.write_text(text)
        how = Recipe(copy=True, copy_sound=True, rate=10**6, side=640, most=10**7)

        with pytest.raises(WrongInput):
            transcode._run(transcode._command(listed, made, how, shot(duration=1)), how, 1, "klip.mov")

        assert not made.exists() or not made.stat().st_size


# Length, shape and lightness are for people to mend


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"video_seconds": 3}, "a.mp4 lasts 5 seconds, and Papan takes videos of up to 3 seconds."),
        ({"video_least_seconds": 6}, "a.mp4 lasts 5 seconds, and Papan takes videos of 6 seconds or more."),
        ({"video_ratio": (0.5, 1.0)}, "Papan does not take a.mp4 in its shape of 640 × 360 pixels."),
        ({"video_least_bytes": 70_000}, "a.mp4 has 555 bytes, and Papan takes videos of 70000 bytes or more."),
    ],
)
def test_a_video_outside_the_rules_is_refused_in_a_sentence(facts, sentence, folder, tmp_path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(film())

    with pytest.raises(WrongInput) as refusal:
        sent(path, folder, **facts)

    assert str(refusal.value) == sentence.replace("555", str(path.stat().st_size))
    assert refusal.value.hint


def test_a_video_inside_the_rules_is_sent_and_judged_as_it_is_shown(folder, tmp_path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(film(head=tkhd(matrix=QUARTER)))
    rules = {"video_ratio": (0.5, 1.0), "video_least_seconds": 5, "video_least_bytes": 100}

    attachment, warnings = sent(path, folder, **rules)

    assert (attachment.width, attachment.height, warnings) == (360, 640, [])
