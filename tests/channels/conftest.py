"""Sample files and parts for everything that tests a channel."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from dissem import rehearsal
from dissem.channels.adapter import Attachment, Part

pytest.register_assert_rewrite("channels.contract")

CLIP = Path(rehearsal.__file__).parent / "material" / "clip.mp4"
ALT = (
    "Warga memilah sampah di Pasar Raya",
    "Peta pengalihan arus, panah merah ke utara",
    "Wali kota & petugas <lapangan>",
)


@pytest.fixture
def adapter(platform):
    """The adapter that speaks to *platform*, the fixture of each test module."""
    return platform.adapter()


@pytest.fixture
def since():
    """From when on `find` looks: as long before the attempt as the queue lets it."""
    return datetime.now(UTC) - timedelta(minutes=2)


@pytest.fixture
def attach(tmp_path):
    """attach(bytes, type, **changes) → an Attachment whose file holds *bytes*."""

    def attach(content: bytes, kind: str, **changes) -> Attachment:
        digest = hashlib.sha256(content).hexdigest()
        path = tmp_path / digest
        path.write_bytes(content)
        given = {"width": 64, "height": 48, **changes}
        return Attachment(sha256=digest, path=path, type=kind, size=len(content), **given)

    return attach


@pytest.fixture
def photos(attach):
    """Three different JPEG photos with alt texts."""
    return [attach(_jpeg(shade), "image/jpeg", alt=alt) for shade, alt in zip((40, 120, 200), ALT, strict=True)]


@pytest.fixture
def clip(attach):
    """A short MP4 video with an alt text."""
    return attach(CLIP.read_bytes(), "video/mp4", width=320, height=240, duration=2.0, alt="Apel pagi di balai kota")


@pytest.fixture
def part():
    """part(**changes) → a Part of its own key; the text is the same unless changed."""
    numbers = count(1)

    def part(**changes) -> Part:
        given = {
            "key": f"3f0e{next(numbers):04x}-padang",
            "kind": "press_release",
            "title": "Jalan Sudirman ditutup Minggu pagi",
            "text": "Jalan Sudirman ditutup Minggu pagi untuk gerak jalan. Lewat Jalan Veteran, ya!",
            "body": "Jalan Sudirman **ditutup** Minggu pagi untuk gerak jalan.\n\nLewat Jalan Veteran, ya!",
            "agency": "Dinas Perhubungan",
        }
        return Part(**{**given, **changes})

    return part


def _jpeg(shade: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (64, 48), (shade, 90, 160)).save(held, "JPEG")
    return held.getvalue()
