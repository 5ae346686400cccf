"""Settings of an installation: config.toml and the environment, checked once, then frozen.

Order: the default, then `config.toml`, then the environment as `DISSEM_<SECTION>_<KEY>` (`DISSEM_DATABASE_URL`).
An unknown key is refused with a suggestion; a wrong value is named by its place and never echoed, it may be a secret.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from dissem import clock
from dissem.errors import DissemError, NotFound, WrongInput

FILE = "config.toml"


def _span(value: Any) -> Any:
    try:
        return clock.parse_span(value) if isinstance(value, str) else value
    except WrongInput as error:
        raise ValueError(str(error)) from error  # pydantic adds the place


def _zone_name(value: str) -> str:
    try:
        return clock.zone(value).key
    except WrongInput as error:
        raise ValueError(str(error)) from error


Span = Annotated[timedelta, BeforeValidator(_span), PlainSerializer(clock.show_span)]


class Section(BaseModel):
    """A table of config.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Office(Section):
    name: str = Field("Pemerintah Kota", description="name of the town hall, on pages and reports")
    timezone: Annotated[str, BeforeValidator(_zone_name)] = Field(
        "Asia/Jakarta", description="zone people write times in: Asia/Jakarta, Asia/Makassar or Asia/Jayapura"
    )
    language: str = Field("id", pattern="^(id|en)$", description="language of what the daemon writes: id or en")


class DatabaseSection(Section):
    url: str = Field("", description="PostgreSQL address; empty: SQLite in the data folder")


class Data(Section):
    folder: str = Field("data", description="database and media, beside this file unless absolute")


class Secrets(Section):
    key_file: str = Field("key", description="the key that seals channel secrets; the variable DISSEM_KEY wins")


class NetworkSection(Section):
    allow_hosts: tuple[str, ...] = Field((), description="hosts that may be private or plain http, beside public https")


class DaemonSection(Section):
    senders: int = Field(32, ge=2, le=512, description="posts sent at the same time")
    uploads: int = Field(4, ge=1, le=64, description="deliveries prepared at the same time")
    lookups: int = Field(4, ge=1, le=64, description="deliveries looked up or confirmed at the same time")


class Windows(Section):
    """Latest useful time after due, unless the release says until."""

    urgent: Span = Field(timedelta(minutes=30), description="any release marked urgent")
    press_release: Span = Field(timedelta(hours=12), description="press releases")
    photo: Span = Field(timedelta(hours=12), description="photo stories")
    infographic: Span = Field(timedelta(hours=72), description="infographics")
    video: Span = Field(timedelta(hours=72), description="videos")


class Timing(Section):
    """Bounds and leases of the delivery protocol."""

    send_deadline: Span = Field(timedelta(seconds=20), description="an attempt not sent by then is given back")
    request: Span = Field(timedelta(seconds=75), description="longest time of one publishing request")
    margin: Span = Field(timedelta(seconds=45), description="lease of a publishing delivery beyond that request")
    preparing: Span = Field(timedelta(seconds=60), description="lease while preparing, renewed by every step")
    backoff: Span = Field(timedelta(seconds=30), description="first wait after a failure; doubles")
    backoff_cap: Span = Field(timedelta(minutes=30), description="longest wait after a failure")
    look_again: Span = Field(timedelta(seconds=20), description="first wait between two looks for a lost post; doubles")
    unknown_bound: Span = Field(timedelta(hours=12), description="an unknown delivery is held after this")
    processing_bound: Span = Field(timedelta(hours=3), description="a processing delivery is held after this")
    breaker: Span = Field(timedelta(minutes=5), description="pause of a channel or host after five failures")


class EngagementSection(Section):
    samples: tuple[Span, ...] = Field(
        tuple(timedelta(hours=h) for h in (1, 6, 24, 72, 168, 720)), description="ages at which counts are read"
    )
    weeks_for: Span = Field(timedelta(days=30), description="read at the end of each week while younger than this")


class Config(BaseModel):
    """All settings. Read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    office: Office = Office()
    database: DatabaseSection = DatabaseSection()
    data: Data = Data()
    secrets: Secrets = Secrets()
    network: NetworkSection = NetworkSection()
    daemon: DaemonSection = DaemonSection()
    windows: Windows = Windows()
    timing: Timing = Timing()
    engagement: EngagementSection = EngagementSection()


def find_home(given: Path | None, *, environ: Mapping[str, str] = os.environ, start: Path | None = None) -> Path:
    """The installation's folder: *given*, else DISSEM_HOME, else the nearest folder upwards with a config.toml."""
    if given or environ.get("DISSEM_HOME"):
        home = given or Path(environ["DISSEM_HOME"])
        if not (home / FILE).is_file():
            raise NotFound(
                "There is no installation in {home}.",
                hint="Make one with: dissem init {home} --admin USERNAME",
                home=home,
            )
        return home.resolve()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        "There is no installation here or above {here}.",
        hint="Go to its folder, name it by --dir, or make one with: dissem init --admin USERNAME",
        here=here,
    )


def load(file: Path, environ: Mapping[str, str] = os.environ) -> tuple[Config, dict[str, str]]:
    """The settings of *file* and the environment, and where each came from ("office.name" → "config.toml")."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound("{file} does not exist.", file=file) from error
    except (OSError, UnicodeDecodeError) as error:
        raise WrongInput("{file} cannot be read.", file=file) from error
    except tomllib.TOMLDecodeError as error:
        raise WrongInput("{file} is not valid TOML: {why}.", file=file, why=error) from error
    origins = {f"{s}.{k}": FILE for s, table in data.items() if isinstance(table, dict) for k in table}
    for section, key, variable in _variables(environ):
        data.setdefault(section, {})[key] = _typed(section, key, environ[variable])
        origins[f"{section}.{key}"] = variable
    try:
        return Config.model_validate(data), origins
    except ValidationError as error:
        raise _complaint(error, file) from None  # the cause would repeat the value


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for section, field in Config.model_fields.items():
        for key in section_fields(field.annotation):
            variable = f"DISSEM_{section}_{key}".upper()
            if variable in environ:
                yield section, key, variable


def section_fields(section: Any) -> Mapping[str, Any]:
    """Names and pydantic fields of one section class."""
    fields: Mapping[str, Any] = section.model_fields
    return fields


def _typed(section: str, key: str, text: str) -> Any:
    default = getattr(getattr(Config(), section), key)
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(default, tuple) else text


def _complaint(error: ValidationError, file: Path) -> DissemError:
    first = error.errors(include_input=False, include_url=False)[0]
    place = [str(step) for step in first["loc"]]
    if first["type"] != "extra_forbidden":
        why = str(first["msg"]).removeprefix("Value error, ")
        return WrongInput("{file}: {key} cannot be used: {why}", file=file, key=".".join(place), why=why)
    known: Any = section_fields(Config.model_fields[place[0]].annotation) if len(place) > 1 else Config.model_fields
    close = get_close_matches(place[-1], list(known), 1)
    hint = "Did you mean {close}?" if close else "Remove it; config.example.toml lists every setting."
    return WrongInput(
        "{file}: there is no setting {key}.", hint=hint, file=file, key=".".join(place), close=close[0] if close else ""
    )
