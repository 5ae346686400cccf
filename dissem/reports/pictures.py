"""Small pictures of the best releases, from the media folder, so that the report can show what it speaks of."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from sqlmodel import Session, col, select

from dissem.compose.media import stored
from dissem.models import Media, ReleaseMedia
from dissem.reports.figures import Report

BEST = 5  # releases with a picture
SIDE = 240  # longest side, pixels
LARGEST = 50_000_000  # pixels of a file that is opened at all


def pictured(report: Report, session: Session, folder: Path) -> Report:
    """*report* with pictures of its best releases."""
    return replace(report, pictures=pictures_of(session, [row.release for row in report.releases[:BEST]], folder))


def pictures_of(session: Session, releases: Sequence[int], folder: Path) -> dict[int, bytes]:
    """A small picture of each; one without a picture, or whose file is lost, has none."""
    query = (
        select(ReleaseMedia.release_id, Media.sha256, Media.type)
        .join(Media, col(Media.sha256) == ReleaseMedia.sha256)
        .where(col(ReleaseMedia.release_id).in_(releases), col(Media.type).startswith("image/"))
        .order_by(col(ReleaseMedia.release_id), col(ReleaseMedia.position).desc())
    )
    first = {release: stored(folder, sha256, kind) for release, sha256, kind in session.exec(query)}
    small = {release: _small(file) for release, file in first.items()}
    return {release: picture for release, picture in small.items() if picture}


def _small(file: Path) -> bytes | None:
    """A small JPEG without metadata. Not being able to make one must not keep a report from being filed."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > LARGEST:
                return None
            image.draft("RGB", (SIDE * 2, SIDE * 2))
            turned = ImageOps.exif_transpose(image).convert("RGB")
        turned.thumbnail((SIDE, SIDE))
        bare = Image.new("RGB", turned.size)
        bare.paste(turned)
        out = BytesIO()
        bare.save(out, "JPEG", quality=75, optimize=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return out.getvalue()
