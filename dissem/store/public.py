"""Files lying open for a moment: some platforms fetch pictures from a public address instead of taking them.

A file gets a name nobody can guess, is put there as late as possible, and taken away as soon as it is no longer needed:
an embargoed picture must not lie open. The same delivery and file always get the same name, so that a step that is
taken again finds it.
"""

import hmac
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from dissem.channels.adapter import Attachment, Part
from dissem.channels.errors import Refused

FORGOTTEN = timedelta(hours=26)  # longer than any platform may take; what is older was left by a process that died


class PublicMedia:
    """The folder that a web server shows at *url*. Without a folder nothing can be placed."""

    def __init__(self, folder: Path | None, url: str, key: bytes) -> None:
        self.folder = folder
        self.url = url.rstrip("/")
        self._key = key

    def opened(self, part: Part, delivery: int, fetched: Callable[[Attachment], bool]) -> Part:
        """*part*, its *fetched* files placed and their addresses in it. Raises Refused if there is no such folder."""
        if not any(fetched(attachment) for attachment in part.attachments):
            return part
        if self.folder is None or not self.url:
            raise Refused(
                "This platform fetches pictures from a public address, and there is none.",
                hint="Set folder and url under [public_media] in config.toml, then: dissem delivery retry {delivery}",
                delivery=delivery,
            )
        return replace(
            part, attachments=tuple(self._placed(a, delivery) if fetched(a) else a for a in part.attachments)
        )

    def withdraw(self, part: Part, delivery: int) -> None:
        """Take the files of *part* away; those that are gone are gone."""
        for attachment in part.attachments:
            if self.folder:
                (self.folder / self._name(attachment, delivery)).unlink(missing_ok=True)

    def tidy(self, now: datetime) -> int:
        """Take away what a process that died has left; answers how many files."""
        old = [file for file in self._files() if now.timestamp() - file.stat().st_mtime > FORGOTTEN.total_seconds()]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _files(self) -> Iterable[Path]:
        return self.folder.glob("dissem-*") if self.folder and self.folder.is_dir() else ()

    def _placed(self, attachment: Attachment, delivery: int) -> Attachment:
        name = self._name(attachment, delivery)
        if self.folder is None:
            return attachment
        self.folder.mkdir(parents=True, exist_ok=True)
        half = self.folder / f".{name}.{os.getpid()}"
        shutil.copyfile(attachment.path, half)
        half.chmod(0o644)  # the web server is another user
        half.replace(self.folder / name)
        return replace(attachment, url=f"{self.url}/{name}")

    def _name(self, attachment: Attachment, delivery: int) -> str:
        secret = hmac.new(self._key, f"{delivery}/{attachment.sha256}".encode(), "sha256").hexdigest()[:40]
        return f"dissem-{secret}{attachment.path.suffix}"
