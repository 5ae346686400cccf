"""Settings of an installation: config.toml and the environment, checked once, then frozen.

Order: the default, then `config.toml`, then the environment as `DISSEM_<SECTION>_<KEY>` (`DISSEM_DATABASE_URL`).
An unknown key is refused with a suggestion; a wrong value is named by its place and never echoed, it may be a secret.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from dissem import clock
from dissem.errors import DissemError, NotFound, WrongInput
from dissem.i18n import _

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


def _postgresql(value: Any) -> Any:
    """The address with the driver that dissem speaks; a plain postgresql:// is the same. The value may be a secret."""
    if not isinstance(value, str) or not value:
        return value
    scheme, mark, rest = value.strip().partition("://")
    if not mark or scheme not in _POSTGRESQL or not _is_address(value.strip()):
        raise ValueError(_("It is not a PostgreSQL address, as postgresql+psycopg://user@host/database."))
    return f"{_POSTGRESQL[0]}://{rest}"


def _is_address(text: str) -> bool:
    try:
        return urlsplit(text).port != 0  # a port that is no number is an error
    except ValueError:
        return False


_POSTGRESQL = ("postgresql+psycopg", "postgresql", "postgres")

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
    url: Annotated[str, BeforeValidator(_postgresql)] = Field(
        "", description="PostgreSQL address; empty: SQLite in the data folder"
    )


class Data(Section):
    folder: str = Field("data", description="database and media, beside this file unless absolute")


class Secrets(Section):
    key_file: str = Field("key", description="the key that seals channel secrets; the variable DISSEM_KEY wins")


class NetworkSection(Section):
    allow_hosts: tuple[str, ...] = Field((), description="hosts that may be private or plain http, beside public https")


class PublicMedia(Section):
    """A folder that a web server shows, for platforms that fetch pictures themselves."""

    folder: str = Field("", description="folder for files a platform is about to fetch; empty: there is none")
    url: str = Field("", description="public https address at which a web server shows that folder")


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
    keep: Span = Field(
        timedelta(days=730),
        ge=timedelta(days=90),
        description="how long every reading is kept; sums of each day and last counts of each post stay for ever",
    )


def _mail_address(value: Any) -> Any:
    from dissem.channels.mail_addresses import Mailbox  # costs start-up time, and few files have addresses

    try:
        return str(Mailbox.of(value)) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(_("It is not an address such as Name <name@example.go.id>.")) from None


Addresses = tuple[Annotated[str, BeforeValidator(_mail_address)], ...]


class ReportSection(Section):
    """Who gets the weekly report beside the folder. It leaves by channels that are there already."""

    mail_channel: str = Field("", description="e-mail channel whose server and sender are used, never its recipients")
    mayor: Addresses = Field((), description="addresses that get one page in the mail, and the report as PDF")
    heads: Addresses = Field((), description="addresses that get the report as PDF")
    archive: Addresses = Field((), description="addresses that get the tables as XLSX")
    telegram_channel: str = Field("", description="Telegram channel whose bot tells a chat of staff")
    telegram_chat: str = Field("", description="that chat, which must not be public: a number such as -1001234567890")

    @model_validator(mode="after")
    def _fits_together(self) -> "ReportSection":
        everybody = [*self.mayor, *self.heads, *self.archive]
        if everybody and not self.mail_channel:
            raise ValueError(_("Name the channel that mails the report: mail_channel."))
        if bool(self.telegram_channel) != bool(self.telegram_chat):
            raise ValueError(_("Name both, telegram_channel and telegram_chat, or neither."))
        addresses = {one.rpartition("<")[2].rstrip(">").casefold() for one in everybody}
        if len(addresses) < len(everybody):
            raise ValueError(_("An address stands there twice; each reader gets one mail."))
        return self


class AppKeys(Section):
    """The city's app at one platform, by which people log in to their channels. Its secret stands elsewhere."""

    client_id: str = Field("", description="id of the app, as the platform's console shows it")
    secret_env: str = Field("", description="environment variable that holds the app's secret")
    secret_file: str = Field("", description="or a file that holds it, beside this one unless absolute")
    redirect_url: str = Field("", description="address the app lists for redirects; empty: any port of 127.0.0.1")
    login_url: str = Field("", description="host where people log in; empty: the platform's own")
    token_url: str = Field("", description="host that gives tokens at Instagram; empty: the platform's own")


class Apps(Section):
    """The city's apps at the platforms."""

    facebook: AppKeys = Field(AppKeys(), description="Facebook pages, and Instagram accounts linked to them")
    instagram: AppKeys = Field(AppKeys(), description="Instagram accounts that log in without a page")
    linkedin: AppKeys = Field(AppKeys(), description="LinkedIn pages")
    threads: AppKeys = Field(AppKeys(), description="Threads profiles")
    tiktok: AppKeys = Field(AppKeys(), description="TikTok accounts")
    x: AppKeys = Field(AppKeys(), description="X accounts")
    youtube: AppKeys = Field(AppKeys(), description="YouTube channels")

    def known(self) -> frozenset[str]:
        """Names of the platforms at which the city has an app."""
        return frozenset(name for name in type(self).model_fields if getattr(self, name).client_id)


class Config(BaseModel):
    """All settings. Read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    office: Office = Office()
    database: DatabaseSection = DatabaseSection()
    data: Data = Data()
    secrets: Secrets = Secrets()
    network: NetworkSection = NetworkSection()
    public_media: PublicMedia = PublicMedia()
    daemon: DaemonSection = DaemonSection()
    windows: Windows = Windows()
    timing: Timing = Timing()
    engagement: EngagementSection = EngagementSection()
    report: ReportSection = ReportSection()
    apps: Apps = Apps()


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
        raise WrongInput(
            "{file} is not valid TOML: {why}.", hint=TOML_HINT, file=file, why=toml_place(error)
        ) from error
    origins = {f"{s}.{k}": FILE for s, table in data.items() if isinstance(table, dict) for k in table}
    for section, key, variable in _variables(environ):
        data.setdefault(section, {})[key] = _typed(section, key, environ[variable])
        origins[f"{section}.{key}"] = variable
    try:
        return Config.model_validate(data), origins
    except ValidationError as error:
        raise _complaint(error, file, origins) from None  # the cause would repeat the value


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


def _complaint(error: ValidationError, file: Path, origins: Mapping[str, str]) -> DissemError:
    first = error.errors(include_input=False, include_url=False)[0]
    place = [str(step) for step in first["loc"]]
    key = ".".join(place)
    known = _known_at(place[:-1])
    if first["type"] != "extra_forbidden":
        origin = origins.get(".".join(place[:2]), FILE)
        meaning = what_it_is(_field_at(place))
        return WrongInput(
            "{file}: {key} cannot be used: {why}",
            hint=MEANING if meaning else "",
            file=file if origin == FILE else origin,
            key=key,
            why=what_is_wrong(first),
            meaning=meaning,
        )
    close = get_close_matches(place[-1], list(known), 1)
    hint = "Did you mean {close}?" if close else "Remove it; config.example.toml lists every setting."
    return WrongInput(
        "{file}: there is no setting {key}.", hint=hint, file=file, key=key, close=close[0] if close else ""
    )


def _known_at(place: Sequence[str]) -> Mapping[str, Any]:
    """Names and pydantic fields of the table at *place*, as far as it leads through tables."""
    known: Mapping[str, Any] = Config.model_fields
    for step in place:
        fields = getattr(getattr(known.get(step), "annotation", None), "model_fields", None)
        if fields is None:
            return known
        known = fields
    return known


def _field_at(place: Sequence[str]) -> Any:
    """The pydantic field at *place*, or that of the list it is in; None if there is none."""
    for end in range(len(place), 0, -1):
        if field := _known_at(place[: end - 1]).get(place[end - 1]):
            return field
    return None


# What is wrong with a value or a file, in our words


MEANING = "Meaning: {meaning}"
TOML_HINT = "See that every text stands in quotes and every bracket is closed."

# By pydantic's name of what is wrong, "_type" and "_parsing" left out; the places are its own.
_WRONG = {
    "int": "It is not a whole number.",
    "int_from_float": "It is not a whole number.",
    "float": "It is not a number.",
    "finite_number": "It is not a number.",
    "bool": "It is neither true nor false.",
    "greater_than": "It is not above {gt}.",
    "greater_than_equal": "It is below {ge}.",
    "less_than": "It is not below {lt}.",
    "less_than_equal": "It is above {le}.",
    "string": "It is not a text.",
    "string_too_short": "It is too short.",
    "string_too_long": "It is too long.",
    "string_pattern_mismatch": "It is not written as it should be.",
    "literal_error": "Possible: {expected}.",
    "enum": "Possible: {expected}.",
    "list": "It is not a list.",
    "tuple": "It is not a list.",
    "dict": "It is not a table of settings.",
    "model": "It is not a table of settings.",
    "time_delta": "It is not a span of time.",
}


def what_is_wrong(wrong: Any) -> str:
    """Why pydantic refuses a value, in the reader's language and without the value. *wrong*: one of its `errors()`."""
    values = dict(wrong.get("ctx") or {})
    if wrong["type"] == "value_error":
        return _(str(values["error"]))
    values["expected"] = ", ".join(re.findall("'([^']*)'", str(values.get("expected", ""))))
    kind = wrong["type"].removesuffix("_type").removesuffix("_parsing")
    return _(_WRONG.get(kind, "It is not of the right kind."), **values)


def what_it_is(field: Any) -> str:
    """What a setting means, in the reader's language; empty if that is not said. *field*: pydantic's, or None."""
    return _(getattr(field, "description", None) or "")


def toml_place(error: tomllib.TOMLDecodeError, *, above: int = 0) -> str:
    """Where a text is no TOML, in our words; *above* is how many lines of the file stand above that text."""
    found = re.search(r"line (\d+), column (\d+)", str(error))
    if found is None:
        return _("at its end")
    return _("line {line}, column {column}", line=int(found[1]) + above, column=int(found[2]))
