"""Settings, and where each comes from."""

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
    rows = [
        {"setting": f"{section}.{key}", "value": _harmless(value), "origin": origins.get(f"{section}.{key}", "default")}
        for section, values in _sections(config)
        for key, value in values.items()
    ]
    text = table(
        [_("Setting"), _("Value"), _("From")],
        [(row["setting"], _said(row["value"]), _origin(row["origin"])) for row in rows],
        empty="",
    )
    settings = {row["setting"]: {"value": row["value"], "origin": row["origin"]} for row in rows}
    show({"home": str(home), "settings": settings}, f"{home}\n\n{text}")


def _sections(config: Config) -> list[tuple[str, dict[str, Any]]]:
    return list(config.model_dump(mode="json").items())


def _harmless(value: Any) -> Any:
    """*value* without a password that an address may carry."""
    if not isinstance(value, str) or "://" not in value:
        return value
    password = urlsplit(value).password
    return value.replace(f":{password}@", f":{MARK}@") if password else value


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _origin(origin: str) -> str:
    return _("default") if origin == "default" else origin
