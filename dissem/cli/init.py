"""`dissem init`: a new installation, or an older database brought up to date."""

import glob
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dissem.cli.options import asked
from dissem.cli.show import note, show
from dissem.config import FILE, AppKeys, Apps, Config, load, section_fields
from dissem.errors import Broken, Conflict, WrongInput
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.models import Person
    from dissem.store.installation import Installation


def init(
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help=_("Folder of the installation."))] = None,
    admin: Annotated[
        str | None, typer.Option(metavar="USERNAME", help=_("Who looks after people and channels."))
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help=_("The admin's name, otherwise the username."))
    ] = None,
    office: Annotated[str | None, typer.Option(metavar="NAME", help=_("Name of the town hall."))] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help=_("Zone people write times in, as Asia/Makassar."))
    ] = None,
) -> None:
    home = (folder or asked().folder or Path()).expanduser()
    if not (home / FILE).exists():
        if admin is None:
            raise WrongInput("It is not said who the admin is.", hint="Name one with --admin USERNAME.")
        _check_name(admin)
        said = {"name": office, "timezone": timezone}
        _settings_into(home, config_text({key: value for key, value in said.items() if value}))
    installation = _opened(home.resolve())
    try:
        before = installation.database.version()
        _bring_up_to_date(installation, before)
        person, token = _first_admin(installation, admin, name, upgraded=before not in (None, _head()))
    finally:
        installation.close()
    _tell(installation, person, token)


def lay_out(home: Path, text: str) -> None:
    """A new installation in *home* with *text* as its config.toml: folders, jobs, key and tables; no people yet."""
    _settings_into(home, text)
    installation = _opened(home.resolve())
    try:
        _bring_up_to_date(installation, installation.database.version())
    finally:
        installation.close()


def shipped_jobs() -> Sequence[Path]:
    """The job files that come with dissem."""
    from dissem.daemon.jobs import shipped

    return sorted(shipped().glob("*.toml"))


def _settings_into(home: Path, text: str) -> None:
    """Folder, jobs and settings. The settings come last: with them the folder is an installation."""
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    (home / "jobs").mkdir(exist_ok=True)
    for job in shipped_jobs():
        if not (home / "jobs" / job.name).exists():
            shutil.copyfile(job, home / "jobs" / job.name)
    half = home / f".{FILE}.new"
    half.write_text(text, encoding="utf-8")
    try:
        load(half)  # a zone that does not exist is refused before anything stands there
        half.replace(home / FILE)
    finally:
        half.unlink(missing_ok=True)


def _opened(home: Path) -> "Installation":
    """The installation with its data folder and key; its tables need not be there yet."""
    from dissem.store.installation import Installation
    from dissem.store.vault import make_key

    os.umask(0o077)
    installation = Installation(home, load(home / FILE)[0])
    installation.media.mkdir(parents=True, exist_ok=True)
    installation.database.create()
    if not (os.environ.get("DISSEM_KEY") or installation.key_file.exists()):
        if installation.database.version() is not None:
            installation.close()
            raise Broken(
                "The key file {file} is gone, and a new one would not open the channels' secrets.",
                hint="Bring it back from where the key is kept safe.",
                file=installation.key_file,
            )
        make_key(installation.key_file)
    return installation


def _bring_up_to_date(installation: "Installation", version: str | None) -> None:
    """Make or change the tables; a database of a newer dissem is refused."""
    from dissem.store.migrate import migrate

    if version is None or (version < _head() and _is_known(version)):
        migrate(installation.database)
        if version is not None:
            _add_up(installation)
    elif version < _head():
        raise Broken(
            "The database is of a dissem that this one does not know (version {version}).",
            hint="Bring it up to date with a release of dissem in between, or ask where it comes from.",
            version=version,
        )
    installation.database.require_current()


def _add_up(installation: "Installation") -> None:
    """An older dissem kept fewer sums of what was read."""
    from dissem.engagement.rollup import rebuild

    with installation.database.write() as session:
        rebuild(session, installation.zone, young=installation.config.engagement.weeks_for)


def _is_known(version: str) -> bool:
    """Whether there is a migration of that name to go on from."""
    from dissem.store import migrate

    versions = Path(migrate.__file__).parent / "migrations" / "versions"
    return any(versions.glob(f"{glob.escape(version)}_*.py"))


def _check_name(username: str) -> None:
    """Before anything stands there."""
    from dissem.desk.people import check_name

    check_name(username)


def _head() -> str:
    from dissem.store.database import HEAD

    return HEAD


def _first_admin(
    installation: "Installation", username: str | None, name: str | None, *, upgraded: bool
) -> "tuple[Person | None, str | None]":
    """The first person and the token, unless there are people already."""
    from dissem.desk.acting import Acting
    from dissem.desk.people import add_person, people
    from dissem.models import Role

    acting = Acting(installation, None)
    if people(acting):
        if upgraded:
            return None, None
        raise Conflict(
            "There is an installation in {home} already.", hint="dissem doctor tells how it is.", home=installation.home
        )
    if username is None:
        raise WrongInput("It is not said who the admin is.", hint="Name one with --admin USERNAME.")
    return add_person(acting, username, name or username, agency=None, role=Role.ADMIN)


def _tell(installation: "Installation", person: "Person | None", token: str | None) -> None:
    from dissem.cli import shapes

    home = str(installation.home)
    if person is None:
        show({"home": home, "version": _head()}, _("The database in {home} is up to date now.", home=home))
        return
    key = installation.key_file
    note(_("The installation is in {home}. Keep a copy of its key file in a safe place: {key}", home=home, key=key))
    note(_("This is the token of {username}; it is shown only once:", username=person.username))
    show({**shapes.person(person, installation.zone, token), "home": home}, str(token))


# config.toml


def config_text(office: dict[str, str]) -> str:
    """A config.toml with every setting and its default as a comment; of *office*, name and zone stand as said."""
    head = _("Settings of dissem. What begins with # is the default; the environment wins over this file.")
    return f"# {head}\n" + "".join(_section(name, office) for name in Config.model_fields)


def _section(name: str, office: dict[str, str]) -> str:
    defaults = getattr(Config(), name)
    if isinstance(defaults, Apps):
        return "".join(_app(defaults, platform) for platform in section_fields(Apps))
    values = defaults.model_dump(mode="json")
    lines = []
    for key, field in section_fields(type(defaults)).items():
        active = name == "office" and key in ("name", "timezone")
        value = office.get(key, values[key]) if active else values[key]
        lines.append(f"\n# {_(field.description or '')}\n{'' if active else '# '}{key} = {_toml(value)}\n")
    return f"\n[{name}]\n" + "".join(lines)


def _app(apps: Apps, platform: str) -> str:
    """The table of the city's app at *platform*; what its keys mean stands at the first one."""
    head = _(section_fields(Apps)[platform].description or "")
    first, lines = platform == next(iter(section_fields(Apps))), []
    for key, field in section_fields(AppKeys).items():
        meaning = f"\n# {_(field.description or '')}\n" if first else ""
        lines.append(f"{meaning}# {key} = {_toml(getattr(getattr(apps, platform), key))}\n")
    return f"\n# {_('App for:')} {head}\n[apps.{platform}]\n" + "".join(lines)


def _toml(value: Any) -> str:
    """A value as TOML; its strings are written as JSON's, but for the one sign TOML does not want bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
