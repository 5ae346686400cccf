"""Who may ask LinkedIn, in which version and dialect (headers, URNs, Rest.li lists), and how LinkedIn says no."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from dissem.rehearsal.standin import Account, Standin
from dissem.rehearsal.wire import Answer, Denied, Request

# A version lives for about a year: at the end of November 2026 these were left.
ACTIVE_VERSIONS = frozenset({f"2026{month:02d}" for month in range(1, 11)} | {"202512"})
SCOPES = frozenset(
    {"w_organization_social", "r_organization_social", "rw_organization_admin", "r_organization_social_feed"}
)
POSTING_ROLES = {"ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"}
POST_URN = re.compile(r"urn:li:(?:share|ugcPost):\d+")


@dataclass(frozen=True)
class LinkedInAccount(Account):
    """An organisation page; `token` belongs to a member who has `role` there."""

    role: str = "ADMINISTRATOR"

    @property
    def urn(self) -> str:
        return f"urn:li:organization:{self.id}"


def problem(status: int, message: str, code: str = "", **more: Any) -> Answer:
    """A refusal in LinkedIn's form; not every one has a code."""
    named = {"code": code} if code else {}
    return Answer(status, {"message": message, "status": status, **named, **more})


def input_problem(status: int, code: str, description: str, message: str = "", field: str = "") -> Answer:
    """A refusal of what was sent, with its code among the input errors."""
    wrong = {"inputPath": {"fieldPath": field}} if field else {}
    return problem(
        status,
        message or description,
        errorDetailType="com.linkedin.common.error.BadRequest",
        errorDetails={"inputErrors": [{"description": description, "input": wrong, "code": code}]},
    )


def invalid(code: str, description: str, field: str = "") -> Denied:
    return Denied(input_problem(400, code, description, field=field))


def denied(what: str) -> Denied:
    message = f"Not enough permissions to access: {what}"
    return Denied(problem(403, message, "ACCESS_DENIED", serviceErrorCode=100))


def shape(body: Any, known: Mapping[str, type], required: Collection[str] = (), path: str = "") -> dict[str, Any]:
    """*body* as an object of exactly these fields and types: Rest.li validates it against a schema."""
    if not isinstance(body, dict):
        raise Denied(problem(422, f"ERROR :: {path or '/'} :: is not a record\n"))
    for name, value in body.items():
        if name not in known:
            raise Denied(problem(422, f"ERROR :: {path}/{name} :: unrecognized field found but not allowed\n"))
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is int):
            raise Denied(problem(422, f"ERROR :: {path}/{name} :: {value!r} is not backed by {known[name].__name__}\n"))
    for name in required:
        if name not in body:
            reason = "field is required but not found and has no default value"
            raise Denied(problem(422, f"ERROR :: {path}/{name} :: {reason}\n"))
    return body


class LinkedInDoor(Standin):
    """The part of LinkedIn that every request passes; `versions` are those that still answer."""

    def __init__(self, **start: Any) -> None:
        super().__init__(**start)
        self.versions = set(ACTIVE_VERSIONS)

    def _sign_in(self, request: Request, *scopes: str) -> LinkedInAccount:
        """The page whose member asks, after version and dialect were found good."""
        account: LinkedInAccount | None = self.account_with(token=request.bearer or "")
        if account is None:
            raise Denied(self._unknown_token(request))
        self._version(request)
        if request.headers.get("x-restli-protocol-version") != "2.0.0":
            raise Denied(problem(400, "X-RestLi-Protocol-Version 2.0.0 is required"))
        if missing := set(scopes) - account.scopes:
            raise denied(", ".join(sorted(missing)))
        return account

    def _unknown_token(self, request: Request) -> Answer:
        if not request.bearer:
            return problem(401, "Empty oauth2_access_token", serviceErrorCode=401)
        return problem(401, "Invalid access token", "INVALID_ACCESS_TOKEN", serviceErrorCode=65600)

    def _version(self, request: Request) -> None:
        version = request.headers.get("linkedin-version")
        if version is None:
            reason = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
            raise Denied(problem(400, reason, "VERSION_MISSING"))
        if not re.fullmatch(r"20\d\d(0[1-9]|1[0-2])", version):
            raise Denied(problem(400, f"Invalid version {version}", "INVALID_VERSION"))
        if version not in self.versions:
            raise Denied(problem(426, f"Requested version {version} is not active", "NONEXISTENT_VERSION"))

    def _method(self, request: Request, name: str, *, required: bool = False) -> None:
        """The header that names the Rest.li method must agree with the rest of the request."""
        told = request.headers.get("x-restli-method", "" if required else name).upper()
        if told != name:
            raise Denied(problem(400, f"X-RestLi-Method {told or 'missing'}, expected {name}"))

    def _only(self, request: Request, known: Collection[str]) -> None:
        for name in request.query:
            if name not in known:
                message = "Unpermitted fields present in PARAMETER: Data Processing Exception while processing fields "
                raise Denied(problem(403, f"{message}[/{name}]", "ACCESS_DENIED", serviceErrorCode=100))

    def _named(self, request: Request) -> str:
        """The URN in a path, where it must be percent-encoded."""
        if ":" in request.path:
            raise Denied(problem(400, f"Syntax exception in path variables: {request.path}"))
        return request.params["urn"]

    def _urns(self, request: Request, name: str) -> list[str]:
        """The post URNs of a `List(…)` in the query."""
        found = re.fullmatch(r"List\((.*)\)", request.one(name) or "")
        urns = found[1].split(",") if found else []
        if not urns or any(not POST_URN.fullmatch(urn) for urn in urns):
            raise Denied(problem(400, f"Invalid query parameters passed to request: {name}"))
        return urns

    def _number(self, request: Request, name: str, default: int, most: int) -> int:
        given = request.one(name, str(default)) or ""
        if not re.fullmatch(r"\d{1,9}", given) or int(given) > most:
            raise Denied(problem(400, f"Invalid value for {name}: {given}"))
        return int(given)

    # LinkedIn's own wording

    def not_found(self, request: Request) -> Answer:
        path = request.path.removeprefix("/rest")
        return problem(404, f"No root resource defined for path '{path}'", "RESOURCE_NOT_FOUND")

    def refused(self, request: Request) -> Answer:
        return input_problem(400, "FIELD_LENGTH_TOO_LONG", "The field length exceeds the limit", field="/commentary")

    def malformed(self, request: Request) -> Answer:
        return problem(400, "Cannot parse request entity", "INVALID_JSON")

    def throttled(self, request: Request, retry_after: float | None) -> Answer:
        answer = super().throttled(request, retry_after)
        message = "Resource level throttle DAY limit for calls to this resource is reached."
        return Answer(429, problem(429, message, "TOO_MANY_REQUESTS", serviceErrorCode=101).body, answer.headers)

    def token_expired(self, request: Request) -> Answer:
        message = "The token used in the request has expired"
        return problem(401, message, "EXPIRED_ACCESS_TOKEN", serviceErrorCode=65602)

    def failed(self, request: Request, status: int) -> Answer:
        return problem(status, HTTPStatus(status).phrase)
