"""An installation: one folder with settings, key, database and media; and everything opened from it."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from dissem import clock
from dissem.channels.network import Network
from dissem.config import FILE, Config, load
from dissem.store.adapters import Adapters
from dissem.store.audit import Audit
from dissem.store.database import Database
from dissem.store.public import PublicMedia
from dissem.store.vault import Vault, load_key


@dataclass(frozen=True)
class Installation:
    """What commands, daemon and tests work with. *home* is its folder."""

    home: Path
    config: Config

    @classmethod
    def open(cls, home: Path) -> "Installation":
        """Read the settings, and see that the tables are those of this dissem."""
        os.umask(0o077)
        installation = cls(home, load(home / FILE)[0])
        try:
            installation.database.require_current()
        except BaseException:
            installation.close()
            raise
        return installation

    @property
    def data(self) -> Path:
        return self.home / self.config.data.folder

    @property
    def media(self) -> Path:
        return self.data / "media"

    @property
    def jobs(self) -> Path:
        return self.home / "jobs"

    @property
    def key_file(self) -> Path:
        return self.home / self.config.secrets.key_file

    @property
    def zone(self) -> ZoneInfo:
        return clock.zone(self.config.office.timezone)

    @cached_property
    def database(self) -> Database:
        return Database(self.config.database.url or f"sqlite:///{self.data / 'dissem.db'}")

    @cached_property
    def vault(self) -> Vault:
        return Vault(load_key(self.key_file))

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.vault.derive("audit"))

    @cached_property
    def adapters(self) -> Adapters:
        return Adapters(self.vault, Network(frozenset(self.config.network.allow_hosts)), self.home)

    @cached_property
    def public_media(self) -> PublicMedia:
        settings = self.config.public_media
        folder = self.home / settings.folder if settings.folder else None
        return PublicMedia(folder, settings.url, self.vault.derive("public media"))

    def close(self) -> None:
        self.database.close()
