"""A WhatsApp Channel, posted by hand: text and files are laid ready in a folder, and a person sends them.

Channels have no API. What offers one drives WhatsApp's web page behind its back and costs the account, so dissem only
prepares: nothing is public by it, no figures can be read, and whether it was sent only the person knows, who says so
with `dissem delivery resolve`. The Cloud API is for single recipients, not for Channels.

    <folder>/<day>-<title>-<key>/pesan.txt    the text, to be copied whole
                                 1.jpg 2.jpg  the files, in their order
"""

import hashlib
import os
import re
import shutil
import unicodedata
from pathlib import Path

from dissem.channels.adapter import Account, Adapter, Certainty, Facts, Part, Prepared, Receipt, Stage
from dissem.channels.errors import ChannelError, Uncertain, Unreachable

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}
LONGEST_SLUG = 40
TEXT = "pesan.txt"  # the officer's language, not the code's


class WhatsApp(Adapter):
    """One Channel, whose officer finds in a folder what is to be sent."""

    platform = "whatsapp"
    facts = Facts(
        label="WhatsApp",
        text=4096,
        caption=1024,
        images=10,
        videos=1,
        image_bytes=5 * 10**6,
        video_bytes=16 * 10**6,
    )

    class Settings(Adapter.Settings):
        """Where it is laid ready: a folder on this machine that the officer reaches, as one shared with the phone."""

        folder: Path

    def certainty(self, part: Part) -> Certainty:
        return Certainty.BLIND

    def check(self) -> Account:
        """The folder is the account; made and tried here."""
        folder = self.settings.folder.absolute()
        try:
            trial = folder / ".trial"
            _make(folder)
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise _unwritable(folder, error) from error
        return Account(id=str(folder), name=f"WhatsApp ({folder.name})")

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """Lay it ready, whole or not at all; what lies there already stays as it is."""
        folder = self.settings.folder.absolute()
        name = _name(part)
        ready, half = folder / name, folder / f".{name}.new"
        try:
            if not ready.is_dir():
                _make(folder)
                _fill(half, part)
                half.rename(ready)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            _sync(folder)
        except OSError as error:
            raise Uncertain(
                "The message lies ready, but the disk may lose it: {reason}", reason=error.strerror
            ) from error
        return Receipt(id=name, url=ready.as_uri(), stage=Stage.HANDED)


def _fill(folder: Path, part: Part) -> None:
    """*folder* anew with the text and the files of *part*, all of it on the disk."""
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier try that broke off
    _make(folder)
    _write(folder / TEXT, part.text.encode("utf-8", "replace"))
    for number, attachment in enumerate(part.attachments, start=1):
        extension = EXTENSIONS.get(attachment.type, "bin")
        _write(folder / f"{number}.{extension}", attachment.path.read_bytes())
    _sync(folder)


def _write(path: Path, content: bytes) -> None:
    """Readable by the officer, whatever the daemon's umask."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())


def _make(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(part: Part) -> str:
    """Day and title for the officer, the key so that no two are the same; letters, digits and hyphens only."""
    letters = unicodedata.normalize("NFKD", part.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", letters)[:LONGEST_SLUG].strip("-")
    day = part.created.date().isoformat() if part.created else ""
    key = hashlib.sha256(part.key.encode()).hexdigest()[:12]
    return "-".join(piece for piece in (day, slug, key) if piece)


def _unwritable(folder: Path, error: OSError) -> ChannelError:
    return Unreachable(
        "The folder {folder} for WhatsApp cannot be written: {reason}",
        hint="Is the disk full, or the folder somebody else's?",
        folder=folder,
        reason=error.strerror or type(error).__name__,
    )
