"""Anything that apprise can send a text to: Discord, Slack, Matrix, LINE, ntfy and a hundred more; counts nothing.

The address is apprise's own, `discord://…`, and holds the tokens, so all of it is a secret. It must name one recipient.
Only the text is sent, as plain text, by one call of apprise: what its address says about retries, splitting, optional
delivery and redirects is overruled.

apprise answers yes or no. A no may come from a refusal or from a lost answer, so it is Uncertain, and as nothing can be
looked up, a person decides. Only what is found before apprise is called proves that nothing was sent. A yes is as good
as the plugin's: that for `json://` believes any page that answers with 200.

It makes its requests by itself, so less is promised than for other channels. Where the address names the host, that
host is judged and tried first (on port 443 or 80 unless it names another: for services that speak no HTTP it has to);
apprise then asks the name service once more and could be told another address. Where apprise knows the host, nothing is
judged. Redirects are off in the plugins that heed the switch, proxies of the environment are used, and the time of a
request is bounded by apprise's own time-outs.
Addresses: https://appriseit.com/services/
"""

import contextlib
import hashlib
import logging
import socket
from typing import Any

from pydantic import Field, SecretStr

from dissem.channels import client
from dissem.channels.adapter import Account, Adapter, Facts, Part, Prepared, Receipt
from dissem.channels.errors import Refused, Unauthorized, Uncertain, Unreachable

TOKEN_FOR_HOST = {"t2bot"}  # modes of plugins in which a token stands where others have a host


class Apprise(Adapter):
    """One recipient, named by an address of apprise."""

    platform = "apprise"
    facts = Facts(
        label="Apprise",
        text=2000,  # Discord's, among the shortest; a plugin that takes less is asked before it is used
    )

    class Settings(Adapter.Settings):
        """The address alone: everything that apprise needs to know stands in it."""

        address: SecretStr = Field(description="apprise address of one recipient, such as discord://…")

    def check(self) -> Account:
        """The address, read and tried as far as that sends nothing: whether its tokens are good shows the first post.

        Another address is another account, even at the same service."""
        service = self._service()
        self._reach(service)
        digest = hashlib.sha256(self.settings.address.get_secret_value().encode()).hexdigest()[:12]
        return Account(id=f"{_schema(service)}/{digest}", name=str(service.service_name))

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """Our key is the receipt's id: apprise tells none, and no link either."""
        service = self._service()
        most = min(self.facts.text or 0, service.body_maxlen)
        if not 0 < len(part.text.strip()) <= len(part.text) <= most:
            raise Refused(
                "{service} takes a text of 1 to {most} characters.", service=str(service.service_name), most=most
            )
        self._reach(service)
        if not _sent(service, part.text):
            raise Uncertain("apprise does not say that the post was taken, nor that it was not.")
        return Receipt(part.key)

    def _service(self) -> Any:
        """apprise's object for the address, made to send one request at most."""
        apprise = _library()
        asset = apprise.AppriseAsset(storage_mode="memory", async_mode=False, http_redirects=False)
        service = apprise.Apprise.instantiate(self.settings.address.get_secret_value(), asset=asset)
        if service is None:
            raise Unauthorized(
                "apprise does not understand the channel's address.",
                hint="Compare it with https://appriseit.com/services/, or install what that service needs.",
            )
        _tame(service, apprise)
        if len(service) > 1:
            raise Unauthorized(
                "The channel's address names several recipients.", hint="Make a channel for each of them."
            )
        if not service.verify_certificate:
            raise Unauthorized(
                "The channel's address turns the check of certificates off.", hint="Remove verify=no from it."
            )
        return service

    def _reach(self, service: Any) -> None:
        """Unauthorized if the host that the address names is not public, Unreachable if nobody listens there."""
        host = service.host if "host" in service.template_tokens else ""
        if not host or getattr(service, "mode", None) in TOKEN_FOR_HOST:
            return
        scheme, usual = ("https", 443) if service.secure else ("http", 80)
        self.network.check(f"{scheme}://{host}")
        port = service.port or usual
        try:
            address = self.network.judge(host, port)
            with contextlib.closing(socket.create_connection((address, port), client.CONNECT)):
                pass
        except (OSError, UnicodeError) as error:
            raise Unreachable("The platform could not be reached.", hint="Is the server's network up?") from error


def _tame(service: Any, apprise: Any) -> None:
    """Overrule what the address says, where it would make more than one request or another text."""
    service.retry, service.optional, service.redirects = 0, False, False  # optional: a no would be told as a yes
    service.overflow_mode = apprise.OverflowMode.UPSTREAM
    service.interpret_emojis = False
    service._format_override = None  # by format=markdown Discord gets a long text in several posts
    service.socket_connect_timeout, service.socket_read_timeout = client.CONNECT, client.READ  # theirs are 4 s


def _sent(service: Any, text: str) -> bool:
    """Whether apprise says that its one call succeeded. What it raises may name the address, and is not passed on."""
    apprise = _library()
    caller = apprise.Apprise(asset=service.asset)
    caller.add(service)
    try:
        return bool(caller.notify(body=text, body_format=apprise.NotifyFormat.TEXT, timeout=client.TOTAL))
    except Exception:  # noqa: BLE001 - a hundred plugins, and what they raise proves nothing
        return False


def _schema(service: Any) -> str:
    """The first word of the service's address, `discord`; a plugin may have several, secure ones first."""
    protocol = service.secure_protocol or service.protocol
    return protocol if isinstance(protocol, str) else str(protocol[0])


def _library() -> Any:
    """apprise, which an extra installs and which takes a moment to import. Its log has addresses in it: it is off."""
    logging.getLogger("apprise").disabled = True
    try:
        import apprise
    except ImportError as error:
        raise Unauthorized(
            "The channel needs the package apprise, which is not installed.", hint="pip install 'dissem[apprise]'"
        ) from error
    return apprise
