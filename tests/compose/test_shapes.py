"""Pictures that are too wide or too tall for a platform: bars, a cut, or a refusal, told before the approval."""

from pathlib import Path

import pytest
from handmade import heic
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_compose import platform
from test_media import moving

from dissem.compose import media, shapes
from dissem.compose.attach import Files, Picture
from dissem.errors import WrongInput, told
from dissem.models.release import Shape

GRAM = (0.8, 1.91)
sides = st.integers(1, 6000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture(autouse=True, scope="module")
def _one_child():
    with media.batch():
        yield


@pytest.fixture
def stored(tmp_path, folder):
    """stored(image) → the picture of a release, kept."""

    def stored(image: Image.Image | bytes, name: str = "pawai.png", alt: str = "Pawai") -> Picture:
        path = tmp_path / name
        if isinstance(image, bytes):
            path.write_bytes(image)
        else:
            image.save(path)
        return Picture(media.keep_original(path, folder), alt, name)

    return stored


def sent(picture: Picture, folder: Path, shape: Shape = Shape.PAD, **facts):
    """The picture that is sent to a platform of these *facts*, and the warnings."""
    warnings = []
    files = Files(folder, platform(**{"image_ratio": GRAM, **facts}), warnings, shape)
    (attachment,) = files.every([picture])
    with Image.open(attachment.path) as image:
        image.load()
        image.info["frames"] = getattr(image, "n_frames", 1)
    assert image.size == (attachment.width, attachment.height)
    return image, [told(warning.reason()) for warning in warnings]


def graded(size: tuple[int, int]) -> Image.Image:
    """A picture whose edges are of many colours."""
    return Image.merge("RGB", [Image.linear_gradient("L").rotate(turn).resize(size) for turn in (0, 90, 180)])


# The arithmetic


@given(sides, sides, st.floats(0.3, 1), st.floats(1, 3))
def test_bars_lead_into_the_ratio_and_lose_nothing(width, height, least, most) -> None:
    wide, tall = shapes.padded(width, height, (least, most))

    assert wide >= width
    assert tall >= height
    assert least <= wide / tall or wide == 1
    assert wide / tall <= most or tall == 1


@given(st.integers(50, 6000), st.integers(50, 6000), st.floats(0.3, 1), st.floats(1, 3))
def test_a_cut_leads_into_the_ratio_and_invents_nothing(width, height, least, most) -> None:
    wide, tall = shapes.cut(width, height, (least, most))

    assert wide <= width
    assert tall <= height
    assert not shapes.outside(wide, tall, (least * 0.98, most * 1.02))
    assert wide == width or tall == height


@given(sides, sides, st.sampled_from(["pad", "crop"]))
def test_what_is_inside_stays_as_it_is_and_no_ratio_means_any(width, height, shape) -> None:
    assert shapes.fitting(width, height, None, shape) == (width, height)
    assert shapes.fitting(width, height, (width / height, width / height), shape) == pytest.approx(
        (width, height), abs=1
    )


# Bars


@pytest.mark.parametrize(("size", "canvas"), [((400, 100), (400, 210)), ((100, 400), (320, 400))])
def test_a_picture_of_another_shape_is_kept_whole_between_bars(size, canvas, stored, folder) -> None:
    image, warnings = sent(stored(Image.new("RGB", size, "navy")), folder)

    assert image.size == canvas
    assert warnings == [
        f"Papan does not take the shape of pawai.png ({size[0]} × {size[1]} pixels): it is sent with bars. "
        "Look at the preview; cut it yourself if bars do not suit it."
    ]


def test_a_picture_that_the_platform_takes_is_sent_as_it_is_without_a_warning(stored, folder) -> None:
    picture = stored(graded((400, 300)))

    image, warnings = sent(picture, folder)

    assert (image.size, warnings) == ((400, 300), [])


def test_rounding_is_cut_away_and_nobody_is_told(stored, folder) -> None:
    image, warnings = sent(stored(graded((800, 1005))), folder, Shape.REFUSE)

    assert (image.size, warnings) == ((800, 1000), [])


def test_bars_beside_edges_of_one_colour_go_on_in_it(stored, folder) -> None:
    poster = Image.new("RGB", (400, 100), (10, 80, 60))
    poster.paste((250, 250, 250), (50, 20, 350, 80))

    image, _warnings = sent(stored(poster), folder)

    assert image.getpixel((200, 5)) == image.getpixel((200, 205)) == (10, 80, 60)
    assert image.getpixel((200, 105)) == (250, 250, 250)


def test_a_poster_with_a_head_and_a_foot_goes_on_in_the_colour_of_most_of_it(stored, folder) -> None:
    poster = Image.new("RGB", (100, 400), (250, 245, 235))
    poster.paste((160, 20, 30), (0, 0, 100, 60))
    poster.paste((40, 50, 60), (0, 370, 100, 400))

    image, _warnings = sent(stored(poster), folder)

    assert {image.getpixel((x, y)) for x in (3, 316) for y in (5, 200, 395)} == {(250, 245, 235)}


def test_bars_beside_a_transparent_picture_are_white(stored, folder) -> None:
    image, _warnings = sent(stored(Image.new("RGBA", (400, 100), (0, 0, 0, 0))), folder)

    assert image.convert("RGB").getpixel((200, 105)) == image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)


def test_bars_beside_a_photo_show_it_blurred_and_dimmed(stored, folder) -> None:
    photo = Image.new("RGB", (400, 100), "red")
    photo.paste((0, 0, 255), (200, 0, 400, 100))

    image, _warnings = sent(stored(photo), folder)

    left, right = image.getpixel((5, 5)), image.getpixel((394, 5))
    assert 150 < left[0] < 250
    assert 150 < right[2] < 250
    assert left[2] < 50 > right[0]


def test_bars_beside_a_grey_photo_are_no_trouble(stored, folder) -> None:
    image, _warnings = sent(stored(Image.linear_gradient("L").resize((100, 400)), "abu.jpg"), folder)

    assert image.size == (320, 400)


def test_a_moving_picture_gets_bars_in_all_its_frames(stored, folder) -> None:
    gif = frozenset({"image/gif"})

    image, _warnings = sent(stored(moving("GIF", 3, (300, 60)), "gerak.gif"), folder, image_types=gif)

    assert image.size == (300, 158)
    assert image.info["frames"] == 3


def test_the_bars_count_towards_the_longest_side_and_the_same_picture_gives_the_same_bytes(stored, folder) -> None:
    picture = stored(graded((1000, 200)))

    first, _warnings = sent(picture, folder, image_side=300, image_types=frozenset({"image/jpeg"}))
    again, _warnings = sent(picture, folder, image_side=300, image_types=frozenset({"image/jpeg"}))

    assert max(first.size) <= 300
    assert not shapes.outside(*first.size, GRAM)
    assert first.filename == again.filename


# Cut


def test_a_cut_picture_keeps_its_middle_and_a_warning_says_so(stored, folder) -> None:
    wide = Image.new("RGB", (400, 100), "white")
    wide.paste((0, 120, 0), (190, 0, 210, 100))

    image, warnings = sent(stored(wide), folder, Shape.CROP)

    assert image.size == (191, 100)
    assert image.getpixel((95, 50)) == (0, 120, 0)
    assert "two edges are cut off" in warnings[0]


# Refused


def test_a_release_that_wants_neither_is_refused_in_a_sentence(stored, folder) -> None:
    with pytest.raises(WrongInput) as refusal:
        sent(stored(graded((400, 100))), folder, Shape.REFUSE)

    assert str(refusal.value) == "Papan does not take pawai.png in its shape of 400 × 100 pixels."
    assert refusal.value.hint


def test_an_upright_photo_that_lies_in_its_file_is_judged_as_it_is_shown(stored, folder, tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    graded((400, 310)).save(tmp_path / "a.jpg", exif=exif)

    image, warnings = sent(stored((tmp_path / "a.jpg").read_bytes(), "b.jpg"), folder)

    assert (image.size, len(warnings)) == ((320, 400), 1)


def test_a_heic_photo_of_another_shape_goes_out_as_a_jpeg_with_bars(stored, folder) -> None:
    image, warnings = sent(stored(heic(), "IMG_0042.HEIC"), folder, image_ratio=(0.5, 1.0))

    assert (image.format, image.size) == ("JPEG", (96, 96))
    assert "IMG_0042.HEIC" in warnings[0]
