"""The audit record: is it whole?"""

from dissem.cli.command import Commands
from dissem.cli.opening import installation
from dissem.cli.show import show
from dissem.errors import Broken
from dissem.i18n import _

app = Commands(_("The audit record."))


@app.command("verify", help=_("See whether an entry was changed or is missing."))
def verify() -> None:
    with installation() as opened, opened.database.read() as session:
        wrong = opened.audit.verify(session)
    if wrong is not None:
        raise Broken(
            "The audit record is not whole: entry {number} was changed, or is missing.",
            hint="Compare it with the last backup.",
            number=wrong,
        )
    show({"whole": True, "first_wrong": None}, _("The audit record is whole."))
