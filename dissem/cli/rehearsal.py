"""Stand-ins of the platforms, over real HTTP on this machine."""

import sys
from typing import Annotated, Any

import typer

from dissem.cli.command import Commands
from dissem.cli.show import facts, note, show
from dissem.errors import WrongInput
from dissem.i18n import _

app = Commands(_("Stand-ins of the platforms, for training and tests."))


@app.command("serve", help=_("Play the platforms until Ctrl-C."))
def serve(
    platform: Annotated[
        list[str] | None, typer.Argument(metavar="[PLATFORM]...", help=_("Which; all if none is named."))
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help=_("Of the overview page; 0: a free one."))
    ] = 0,
    first_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="PORT", help=_("Of the first platform, the others after it; 0: free ones.")
        ),
    ] = 0,
) -> None:
    from dissem.rehearsal import city

    for name in platform or ():
        if name not in city.PLATFORMS:
            known = ", ".join(city.PLATFORMS)
            raise WrongInput(
                "There is no stand-in of {platform}.", hint="There are: {known}.", platform=name, known=known
            )
    city.serve(*platform or (), port=port, first_port=first_port, ready=_ready)


def _ready(overview: str, playing: Any) -> None:
    addresses = playing.urls()
    show({"overview": overview, "platforms": addresses}, facts({_("Overview"): overview, **addresses}))
    sys.stdout.flush()
    note(_("Stop with Ctrl-C."))
