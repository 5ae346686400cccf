"""From a Channel row to the adapter that speaks for it, its secrets opened."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from dissem.channels.adapter import Adapter
from dissem.channels.network import Network
from dissem.channels.registry import adapter_class
from dissem.config import MEANING, what_is_wrong, what_it_is
from dissem.errors import WrongInput
from dissem.models import Channel
from dissem.store.vault import Vault

TABLE = "channel"


class Adapters:
    """Makes adapters and keeps them while the channel's row is unchanged, so that connections are used again."""

    def __init__(self, vault: Vault, network: Network, home: Path) -> None:
        self._vault = vault
        self._network = network
        self._home = home
        self._kept: dict[int, tuple[int, Adapter]] = {}
        self._lock = threading.Lock()

    def of(self, channel: Channel) -> Adapter:
        """The adapter of *channel* as its row says now."""
        number = channel.id or 0
        with self._lock:
            kept = self._kept.get(number)
            if kept and kept[0] == channel.version:
                return kept[1]
            adapter = self._make(channel)
            self._kept[number] = (channel.version, adapter)
            return adapter

    def _make(self, channel: Channel) -> Adapter:
        kind = adapter_class(channel.platform)
        settings = validated(kind, {**channel.settings, **self.opened(channel)})
        return self.made(kind, settings, account=channel.account or "")

    def made(self, kind: type[Adapter], settings: Any, account: str = "") -> Adapter:
        """An adapter with *settings*. A relative `folder` is meant from the installation's, wherever we run."""
        folder = getattr(settings, "folder", "")
        placed = settings.model_copy(update={"folder": type(folder)(self._home / folder)}) if folder else settings
        return kind(placed, network=self._network, account=account)

    def opened(self, channel: Channel) -> dict[str, str]:
        """The secrets of *channel* in clear, for an adapter's settings alone."""
        return {
            field: self._vault.open(sealed, table=TABLE, row=channel.id or 0, field=field)
            for field, sealed in channel.secrets.items()
        }

    def seal(self, channel: Channel, secrets: Mapping[str, str]) -> dict[str, str]:
        """*secrets* sealed for the row of *channel*, which must have its number."""
        if channel.id is None:
            raise ValueError("a channel is sealed after its row has a number")
        return {f: self._vault.seal(v, table=TABLE, row=channel.id, field=f) for f, v in secrets.items()}


def secret_fields(kind: type[Adapter]) -> dict[str, bool]:
    """Names of the adapter's secrets, and whether each is needed."""
    fields = kind.Settings.model_fields
    return {name: f.is_required() for name, f in fields.items() if "SecretStr" in str(f.annotation)}


def validated(kind: type[Adapter], values: Mapping[str, Any]) -> Any:
    """*values* as the adapter's Settings; a wrong one is named, its value never shown."""
    try:
        return kind.Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        known = ", ".join(kind.Settings.model_fields)
        meaning = what_it_is(kind.Settings.model_fields.get(name))
        if first["type"] == "extra_forbidden":
            text, hint = "{platform} has no setting {name}.", "It knows: {known}."
        elif first["type"] == "missing":
            text, hint = "{platform} needs the setting {name}.", ""
        else:
            text, hint = "The setting {name} of {platform} cannot be used: {why}", MEANING if meaning else ""
        raise WrongInput(
            text,
            hint=hint,
            platform=kind.platform,
            name=name,
            known=known,
            why=what_is_wrong(first),
            meaning=meaning,
        ) from None  # the cause would repeat the value


def host_of(settings: Any) -> str:
    """Host and port that the channel speaks to, empty where there are none."""
    if getattr(settings, "host", ""):
        return f"{settings.host}:{settings.port}"
    return urlsplit(getattr(settings, "api_url", "") or "").netloc


def revealed(settings: Any) -> dict[str, Any]:
    """Settings without the secrets."""
    return {
        k: v for k, v in settings.model_dump(mode="json").items() if not isinstance(getattr(settings, k), SecretStr)
    }
