"""`dissem backup` and `dissem restore`: the whole installation in one file, and back again."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissem import i18n
from dissem.cli.opening import installation
from dissem.cli.options import asked
from dissem.cli.show import note, show
from dissem.clock import utc_now
from dissem.config import find_home
from dissem.errors import Conflict, WrongInput
from dissem.i18n import _

if TYPE_CHECKING:
    from dissem.daemon.restore import Brought

Target = Annotated[Path, typer.Argument(metavar="FILE", help=_("The backup, as padang-2026-11-24.tar."))]
Source = Annotated[Path | None, typer.Argument(metavar="FILE", help=_("The backup, as padang-2026-11-24.tar."))]


def backup(file: Target) -> None:
    from dissem.store.backup import write

    target = file.expanduser()
    if target.exists():
        raise Conflict("{file} is there already.", hint="Choose another name, or move it away.", file=target)
    with installation() as opened:
        write(opened, target, now=utc_now())
        note(_("The key is not in it; keep a copy of {key} somewhere else.", key=opened.key_file))
    size = target.stat().st_size
    show({"file": str(target), "size": size}, _("{file}: {size} bytes.", file=target, size=i18n.number(size)))


def restore(
    file: Source = None,
    replace: Annotated[
        bool, typer.Option("--replace", help=_("Also where there is a database; it is kept beside the new one."))
    ] = False,
    by_hand: Annotated[
        bool,
        typer.Option("--by-hand", help=_("The database was brought back already; see that nothing goes out twice.")),
    ] = False,
    any_key: Annotated[
        bool, typer.Option("--any-key", help=_("The key is lost: go on with another one, without the secrets."))
    ] = False,
) -> None:
    if (file is None) is not by_hand:
        raise WrongInput("Say either a backup or --by-hand.")
    brought = _by_hand() if file is None else _restored(file.expanduser(), replace=replace, any_key=any_key)
    if brought.kept:
        note(_("The old database is kept in {folder}.", folder=brought.kept))
    note(_("What was entered, approved or decided after the backup is not in it; tell your colleagues."))
    data = {
        "home": str(brought.home),
        "deliveries": brought.marked,
        "kept": str(brought.kept) if brought.kept else None,
    }
    show(data, _summary(brought))


def _summary(brought: "Brought") -> str:
    if not brought.marked:
        return _("The backup is back in {home}. Nothing was planned in it.", home=brought.home)
    return _(
        "The backup is back in {home}. {n} deliveries may have been published after it was made: each is looked up "
        "before it goes out, or held for you where that cannot be done. Start the daemon, then: dissem queue",
        home=brought.home,
        n=brought.marked,
    )


def _by_hand() -> "Brought":
    from dissem.daemon.restore import see_to_it

    with installation() as opened:
        return see_to_it(opened, utc_now())


def _restored(file: Path, *, replace: bool, any_key: bool) -> "Brought":
    from dissem.daemon.restore import bring_back, lay_out
    from dissem.store.backup import reading

    with reading(file) as source:
        opened = lay_out(_home(), source)
        try:
            return bring_back(opened, source, now=utc_now(), replace=replace, any_key=any_key)
        finally:
            opened.close()


def _home() -> Path:
    """The installation this is for; one that is named need not be there yet."""
    folder = asked().folder or (Path(os.environ["DISSEM_HOME"]) if os.environ.get("DISSEM_HOME") else None)
    if folder:
        return folder.expanduser().resolve()
    return find_home(None)
