"""Settings, and where each comes from."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from dissem.cli.command import Commands
from dissem.cli.options import asked
from dissem.cli.show import show, table
from dissem.config import FILE, Config, find_home, load
from dissem.i18n import _
from dissem.redaction import MARK

app = Commands(_("Settings, and where each comes from."))


@app.command("show", help=_("Show every setting, and whether it is the default, from config.toml or a variable."))
def show_settings() -> None:
    home = find_home(asked().folder)
    config, origins = load(home / FILE)
    usual = dict(_flat(Config()))
    rows = [
        {"setting": name, "value": _harmless(value), "origin": _origin(name, origins, changed=value != usual[name])}
        for name, value in _flat(config)
    ]
    text = table(
        [_("Setting"), _("Value"), _("From")],
        [(row["setting"], _said(row["value"]), _place(row["origin"])) for row in rows],
        empty="",
    )
    settings = {row["setting"]: {"value": row["value"], "origin": row["origin"]} for row in rows}
    show({"home": str(home), "settings": settings}, f"{home}\n\n{text}")


def _flat(config: Config) -> Iterator[tuple[str, Any]]:
    """Every setting by its whole name, as in `apps.facebook.client_id`."""
    yield from _leaves("", config.model_dump(mode="json"))


def _leaves(place: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{place}.{key}" if place else key
        if isinstance(value, dict):
            yield from _leaves(name, value)
        else:
            yield name, value


def _origin(name: str, origins: Mapping[str, str], *, changed: bool) -> str:
    """Where a setting comes from. Of a table in a section only the table is known, so what is *changed* counts."""
    if name in origins:
        return origins[name]
    return origins.get(name.rpartition(".")[0], "default") if changed else "default"


def _harmless(value: Any) -> Any:
    """*value* without a password that an address may carry."""
    if not isinstance(value, str) or "://" not in value:
        return value
    password = urlsplit(value).password
    return value.replace(f":{password}@", f":{MARK}@") if password else value


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _place(origin: str) -> str:
    return _("default") if origin == "default" else origin
