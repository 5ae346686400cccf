"""Files lying open for a moment: some platforms fetch pictures from a public address instead of taking them.

A file gets a name nobody can guess, is put there as late as possible, and taken away as soon as it is no longer needed:
an embargoed picture must not lie open. The same delivery and file always get the same name, so that a step that is
taken again finds it.
"""

import base64
import hmac
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from dissem.channels.adapter import Attachment, Part
from dissem.channels.errors import ChannelError, Refused, Unauthorized
from dissem.channels.network import Network
from dissem.errors import Broken, DissemError

ASKING = 20.0  # seconds a web server may take to show a tiny file
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

    def ailment(self, network: Network) -> DissemError | None:
        """What would keep a platform from fetching a file, None if nothing does: a tiny picture is put there, fetched
        by its address as platforms do, and taken away. That one of them is kept out by name it does not show."""
        if self.folder is None or not self.url:
            return Broken(
                "[public_media] in config.toml needs both folder and url.",
                hint="Set what is missing, or neither: then nothing is published where files are fetched.",
            )
        picture = _TINY + secrets.token_bytes(16)  # after its end, where nobody looks
        file = self.folder / f"dissem-{secrets.token_hex(20)}.jpg"
        try:
            self._put(file.name, lambda half: half.write_bytes(picture))
            return _complaint(f"{self.url}/{file.name}", picture, network, url=self.url, folder=self.folder)
        except OSError as error:
            return Broken(
                "Nothing can be put into the public folder {folder}: {why}.",
                hint="Check its owner and rights.",
                folder=self.folder,
                why=error.strerror or type(error).__name__,
            )
        finally:
            with suppress(OSError):  # a folder that takes nothing; what is left is tidied away
                file.unlink(missing_ok=True)

    def _files(self) -> Iterable[Path]:
        return self.folder.glob("dissem-*") if self.folder and self.folder.is_dir() else ()

    def _placed(self, attachment: Attachment, delivery: int) -> Attachment:
        name = self._name(attachment, delivery)
        self._put(name, lambda half: shutil.copyfile(attachment.path, half))
        return replace(attachment, url=f"{self.url}/{name}")

    def _put(self, name: str, write: Callable[[Path], object]) -> None:
        """The file *name*, whole or not at all, for everybody to read."""
        if self.folder is None:
            return
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o711)  # for a web server that is another user; names that nobody knows are not listed
        half = self.folder / f".{name}.{os.getpid()}"
        write(half)
        half.chmod(0o644)  # the web server is another user
        half.replace(self.folder / name)

    def _name(self, attachment: Attachment, delivery: int) -> str:
        secret = hmac.new(self._key, f"{delivery}/{attachment.sha256}".encode(), "sha256").hexdigest()[:40]
        return f"dissem-{secret}{attachment.path.suffix}"


# Is it shown?

_TINY = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////"
    "////////////////////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI"
    "AQEAAD8AP//Z"
)


def _complaint(address: str, picture: bytes, network: Network, *, url: str, folder: Path) -> DissemError | None:
    """What is wrong with the answer at *address*, where *picture* lies; in the words of people who set up a server."""
    try:
        status, kind, content = _shown(address, network)
    except Unauthorized as forbidden:
        return forbidden
    except ChannelError as error:
        return Broken(
            "Nothing answers at {url}, so platforms cannot fetch files there: {why}",
            hint="Is the web server running, and does the address lead to it? A server behind a router may not reach "
            "its own public address.",
            url=url,
            why=error,
        )
    if status != 200:
        return _by_status(status, url, folder)
    if kind.startswith("text/html"):
        return Broken("{url} shows a web page instead of the file.", hint=_SHOW_IT, url=url, folder=folder)
    if content != picture:
        hint = "Is it the same folder, and does nothing change pictures on the way?"
        return Broken("{url} gives other bytes than lie in {folder}.", hint=hint, url=url, folder=folder)
    if kind != "image/jpeg":
        hint = "Have the web server tell the types that belong to .jpg, .png and .mp4."
        return Broken(
            "{url} calls a JPEG picture {type}, and platforms go by that.", hint=hint, url=url, type=kind or "?"
        )
    return None


_SHOW_IT = "Let the web server show the folder {folder} there, readable for its user."


def _by_status(status: int, url: str, folder: Path) -> Broken:
    if 300 <= status < 400:
        hint = "Set url to where the files themselves are: https, and the right name."
        text = "{url} leads on to another address (HTTP {status}), and platforms do not follow."
        return Broken(text, hint=hint, url=url, status=status)
    if status in (401, 403):
        hint = "Let the web server show that folder without a login, and to everybody."
        return Broken("{url} does not show its files to everybody (HTTP {status}).", hint=hint, url=url, status=status)
    if status == 404:
        return Broken("{url} does not show what lies in {folder}.", hint=_SHOW_IT, url=url, folder=folder)
    hint = "The web server's log should say why."
    return Broken("{url} answers with HTTP {status} instead of the file.", hint=hint, url=url, status=status)


def _shown(address: str, network: Network) -> tuple[int, str, bytes]:
    """Status, type and bytes at *address*."""
    from dissem.channels.client import Answer, Client  # costs start-up time

    class Looking(Client):
        def _judged(self, answer: Answer) -> Answer:
            return answer  # what is wrong is said in the words of the one who runs the server

    answer = Looking(address, network=network).get(address, total=ASKING)
    kind = answer.headers.get("Content-Type") or ""
    return answer.status, kind.partition(";")[0].strip().lower(), answer.content
