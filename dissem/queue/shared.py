"""The media folder, where several machines share it."""

from sqlmodel import col, select

from dissem.compose.media import stored
from dissem.errors import Broken
from dissem.models import Media
from dissem.store.installation import Installation


def require_media(installation: Installation) -> None:
    """Raise Broken unless the newest file that the database knows is in this machine's media folder.

    On a machine without the shared folder every post with a picture would be taken for one whose files are gone.
    """
    with installation.database.read() as session:
        newest = session.exec(select(Media).order_by(col(Media.created).desc()).limit(1)).first()
    if newest and not stored(installation.media, newest.sha256, newest.type).exists():
        raise Broken(
            "The newest media file is not in {folder} on this machine, so nothing is published from here.",
            hint="Every machine needs the same media folder: mount the shared one there.",
            folder=installation.media,
        )
