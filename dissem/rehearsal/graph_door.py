"""The part of the Graph API that every request passes: versions, tokens, proofs, parameters, usage, and its wording."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection
from dataclasses import replace
from itertools import count
from typing import Any

from dissem.rehearsal.graph_errors import bad_parameter, graph_error, refusal
from dissem.rehearsal.graph_parameters import Field, wanted_fields
from dissem.rehearsal.standin import Account, Standin
from dissem.rehearsal.wire import Answer, Denied, Request

VERSIONS = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")  # alive at the end of 2026
EVERYWHERE = {"access_token", "appsecret_proof", "fields", "format", "locale", "pretty"}


class GraphDoor(Standin):
    """Tokens, proofs, versions and usage of a platform behind the Graph API; subclasses give the routes.

    `requires_proof` demands `appsecret_proof`, which is verified whenever it is sent. `usage_percent` is what the usage
    header tells.
    """

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.app_id = "204000000000002"
        self.app_secret = "rehearsal-app-secret"  # noqa: S105 - opens nothing but this stand-in
        self.usage_percent = 1
        self.requires_proof = False
        self._traces = count(1)

    @property
    def access_token(self) -> str:
        """The page access token of the first page."""
        return self.token

    # Who asks, and what

    def _sign_in(self, request: Request, *scopes: str) -> Account:
        self._check_version(request)
        token = self._token(request)
        if not token:
            raise refusal(2500, "An active access token must be used to query information about the current user.")
        account: Account | None = self.account_with(token=token)
        if account is None:
            raise refusal(190, "Invalid OAuth access token - Cannot parse access token")
        self._check_proof(request, token)
        for scope in scopes:
            if scope not in account.scopes:
                code = 200 if scope == "pages_manage_posts" else 10
                raise refusal(code, f"(#{code}) The permission {scope} must be granted before this can be done.")
        return account

    def _token(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() in ("bearer", "oauth"):
            return token.strip()
        return self._loosely(request).get("access_token", "")

    def _check_proof(self, request: Request, token: str) -> None:
        proof = self._loosely(request).get("appsecret_proof")
        if proof is None and not self.requires_proof:
            return
        right = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, proof or ""):
            raise refusal(100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")

    def _check_version(self, request: Request) -> None:
        asked = _version_number(request.params.get("version", ""))
        if asked is None or asked > (_version_number(VERSIONS[-1]) or (0, 0)):
            raise Denied(self.not_found(request))

    def _version(self, request: Request) -> str:
        """The version that answers: the one asked for, or the oldest that lives."""
        asked = request.params.get("version", "")
        return asked if asked in VERSIONS else VERSIONS[0] if _version_number(asked) else VERSIONS[-1]

    def _usage(self, request: Request, percent: int, minutes: int) -> dict[str, str]:
        account: Account | None = self.account_with(token=self._token(request))
        if account is None:
            return {}
        usage = {
            "type": "pages",
            "call_count": percent,
            "total_cputime": percent,
            "total_time": percent,
            "estimated_time_to_regain_access": minutes,
        }
        return {"X-Business-Use-Case-Usage": json.dumps({account.id: [usage]})}

    def _loosely(self, request: Request) -> dict[str, str]:
        """Every parameter, from query and body, unchecked; without a readable body, the query's."""
        given = {name: values[-1] for name, values in request.query.items()}
        try:
            if request.type == "application/json" and request.body:
                body = request.json()
                sent = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
                return given | sent
            return given | {name: values[-1] for name, values in request.form().fields.items()}
        except (ValueError, AttributeError):
            return given

    def _arguments(self, request: Request, known: Collection[str]) -> dict[str, str]:
        """Every parameter; refused with code 100 when one is not *known*."""
        request.form()
        given = self._loosely(request)
        for name in (*given, *request.form().files):
            if name.partition("[")[0] not in known and name not in EVERYWHERE:
                raise bad_parameter(f"Param {name} is not supported")
        return given

    def _fields(self, request: Request, known: Collection[str]) -> tuple[Field, ...]:
        return wanted_fields(self._arguments(request, known).get("fields", ""))

    # Graph's own wording

    def not_found(self, request: Request) -> Answer:
        return graph_error(2500, f"Unknown path components: {request.path}")

    def refused(self, request: Request) -> Answer:
        return graph_error(100, "(#100) Invalid parameter")

    def malformed(self, request: Request) -> Answer:
        return graph_error(100, "(#100) The request body cannot be read")

    def token_expired(self, request: Request) -> Answer:
        message = "Error validating access token: Session has expired."
        return graph_error(190, message, 463)

    def failed(self, request: Request, status: int) -> Answer:
        message = "An unexpected error has occurred. Please retry your request later."
        return graph_error(2, message, status=status, transient=True)

    def finish(self, request: Request, answer: Answer) -> Answer:
        """Every answer tells its version and the page's usage; an error has a trace id."""
        trace = f"A{next(self._traces):010d}"
        body = answer.body
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            body = {"error": {"fbtrace_id": trace, **body["error"]}}
        told = {"facebook-api-version": self._version(request), "x-fb-trace-id": trace}
        untold = isinstance(body, dict) and body.get("error", {}).get("code") == 32
        usage = {} if untold else self._usage(request, self.usage_percent, 0)
        return replace(answer, body=body, headers={**told, **usage, **answer.headers})


def _version_number(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"v(\d+)\.(\d)", text)
    return (int(found[1]), int(found[2])) if found else None
