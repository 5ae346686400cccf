"""Secrets sealed with AES-256-GCM, bound to table, row and field: one moved to another place does not open.

The key is 32 random bytes, base64, in a file of mode 0600 outside the data folder, or in the variable DISSEM_KEY.
"""

import base64
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dissem import redaction
from dissem.errors import Broken

_VERSION = "1:"


class Vault:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._key = key
        self._cipher = AESGCM(key)

    def seal(self, secret: str, *, table: str, row: int, field: str) -> str:
        """*secret* as text that only this key opens, and only in this place."""
        nonce = os.urandom(12)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _place(table, row, field))
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *, table: str, row: int, field: str) -> str:
        """The secret again, from now on kept out of every text of this process. Raises Broken if it does not open."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
            secret = self._cipher.decrypt(raw[:12], raw[12:], _place(table, row, field)).decode()
        except (InvalidTag, ValueError) as error:
            raise Broken(
                "The secret {field} does not open with this key.",
                hint="Restore the installation's key file, or enter the channel's secrets again.",
                field=field,
            ) from error
        redaction.learn(secret)
        return secret

    def derive(self, purpose: str) -> bytes:
        """Another key for *purpose*, from which this one cannot be told."""
        import hmac

        return hmac.digest(self._key, purpose.encode(), "sha256")


def _place(table: str, row: int, field: str) -> bytes:
    return f"{table}/{row}/{field}/{_VERSION}".encode()


def make_key(file: Path) -> None:
    """Write a new key; an existing one is never overwritten."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(base64.b64encode(os.urandom(32)) + b"\n")
        out.flush()
        os.fsync(out.fileno())


def load_key(file: Path, environ: Mapping[str, str] = os.environ) -> bytes:
    """The key from DISSEM_KEY or *file*. Raises Broken if there is none, it is unreadable, or others may read it."""
    text = environ.get("DISSEM_KEY")
    if not text:
        try:
            if stat.S_IMODE(file.stat().st_mode) & 0o077:
                raise Broken("Others can read the key file {file}.", hint="Run: chmod 600 {file}", file=file)
            text = file.read_text()
        except OSError as error:
            raise Broken(
                "The key file {file} cannot be read.", hint="Bring it back from where the key is kept safe.", file=file
            ) from error
    try:
        key = base64.b64decode(text, validate=False)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Broken("The installation's key is damaged.", hint="Bring it back from where the key is kept safe.")
    return key
