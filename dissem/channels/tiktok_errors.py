"""What TikTok's codes mean, for the answers of its API and for a post that it gave up.

Success is the code "ok" in the body, whatever the HTTP status: some refusals come with 200.
Codes: https://developers.tiktok.com/doc/tiktok-api-v2-error-handling and the page of each endpoint
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dissem.channels.client import Answer, doubt, retry_after
from dissem.channels.errors import ChannelError, Refused, Throttled, Unauthorized, Uncertain, Unreachable

MINUTE = timedelta(minutes=1)  # every rate limit is over a sliding minute; no Retry-After is documented
FULL = timedelta(hours=1)  # the daily limits are over a moving day: a place may become free any hour

_RIGHTS = {"scope_not_authorized", "scope_permission_missed", "token_not_authorized_for_specified_publish_id"}
_ACCOUNT = {
    "spam_risk_user_banned_from_posting": "TikTok does not let this account post.",
    "unaudited_client_can_only_post_to_private_accounts": "TikTok has not audited the app: it may not post publicly.",
    "privacy_level_option_mismatch": "This TikTok account does not offer the channel's privacy.",
    "auth_removed": "The account's owner has removed the app at TikTok.",
}
_ACCOUNT_HINTS = {
    "spam_risk_user_banned_from_posting": "Open the TikTok app and look at the account's notices.",
    "unaudited_client_can_only_post_to_private_accounts": "Set the channel's mode to inbox until the audit is passed.",
    "privacy_level_option_mismatch": "Make the account public in the TikTok app, or change the channel's privacy.",
    "auth_removed": "Connect the channel again.",
}
_FULL = {
    "spam_risk_too_many_posts": "TikTok takes no more posts of this account through apps today.",
    "spam_risk_too_many_pending_share": "Too many drafts wait in the TikTok inbox of this account.",
    "reached_active_user_cap": "Too many accounts have posted through this TikTok app today.",
}
_FULL_HINTS = {
    "spam_risk_too_many_posts": "If it cannot wait, post it with the TikTok app.",
    "spam_risk_too_many_pending_share": "Post or discard them in the TikTok app.",
}
_CONTENT = {
    "invalid_file_upload": "TikTok cannot use the file.",
    "file_format_check_failed": "TikTok cannot use a file of this format.",
    "duration_check_failed": "The video is too short or too long for TikTok.",
    "frame_rate_check_failed": "TikTok does not take the video's frame rate.",
    "picture_size_check_failed": "The picture is too small or too large for TikTok.",
    "spam_risk_text": "TikTok takes the text for spam.",
    "spam_risk": "TikTok takes the post for risky.",
    "url_ownership_unverified": "TikTok does not fetch photos from this address: the app does not own it there.",
    "video_pull_failed": "TikTok could not fetch the file from its public address.",
    "photo_pull_failed": "TikTok could not fetch the file from its public address.",
    "publish_cancelled": "The post was cancelled at TikTok.",
    "internal": "TikTok had trouble of its own and gave the post up.",
}
_CONTENT_HINTS = {
    "file_format_check_failed": "Use MP4 (H.264) for videos, JPEG or WebP for photos.",
    "frame_rate_check_failed": "Use 23 to 60 pictures a second.",
    "picture_size_check_failed": "Videos: 360 to 4096 pixels a side. Photos: at most 1080 × 1920.",
    "spam_risk_text": "Change the text; the same one would be refused again.",
    "spam_risk": "Do not send it again as it is.",
    "url_ownership_unverified": "Add the address to the URL properties of the app at developers.tiktok.com.",
    "video_pull_failed": "Can it be opened from outside? Then try again: dissem delivery retry",
    "photo_pull_failed": "Can it be opened from outside? Then try again: dissem delivery retry",
    "internal": "Try again: dissem delivery retry",
}


def translate(answer: Answer) -> ChannelError | None:
    """The named error for an answer with a status of 400 or more; None leaves it to the status."""
    error = _error(answer)
    return named(answer, error) if error.get("code") else None


def data_of(answer: Answer) -> Mapping[str, Any]:
    """`data` of an answer whose code is "ok"; raises what any other code means."""
    error = _error(answer)
    if not error.get("code"):
        raise doubt(answer.irrevocable, "The platform's answer could not be read.")
    if error["code"] != "ok":
        raise named(answer, error)
    data = answer.json().get("data")
    return data if isinstance(data, dict) else {}


def named(answer: Answer, error: Mapping[str, Any]) -> ChannelError:
    """The error for a code other than "ok", which says that the request did not succeed."""
    code = str(error["code"])
    says, trace = str(error.get("message") or "")[:300], str(error.get("log_id") or "")
    told: dict[str, Any] = {"code": code, "says": says, "trace": trace}
    if answer.status >= 500 or code in ("internal_error", "internal"):
        return doubt(answer.irrevocable, "TikTok answered with an error of its own ({code}).", **told)
    if code == "rate_limit_exceeded" or answer.status == 429:
        wait = retry_after(answer.headers.get("Retry-After")) or MINUTE
        return Throttled("The platform asks for a pause.", retry_after=wait, **told)
    if code in _FULL:
        return Throttled(_FULL[code], hint=_FULL_HINTS.get(code, ""), retry_after=FULL, **told)
    if code == "access_token_invalid":
        hint = "Connect the channel again."
        return Unauthorized("TikTok does not accept the channel's login: {says}", hint=hint, **told)
    if code in _RIGHTS:
        hint = "Connect the channel again, and allow everything that is asked for."
        return Unauthorized("The channel's login does not allow this at TikTok: {says}", hint=hint, **told)
    if code in _ACCOUNT:
        return Unauthorized(_ACCOUNT[code], hint=_ACCOUNT_HINTS[code], **told)
    if code == "invalid_publish_id":
        return Uncertain("TikTok does not know this post any more.", **told)
    if code in _CONTENT:
        return Refused(_CONTENT[code], hint=_CONTENT_HINTS.get(code, ""), **told)
    return Refused("TikTok refused it: {says} ({code})", **told)


def given_up(reason: str) -> Refused:
    """Why a post ended as FAILED: surely it is not public, and staff decide what to do."""
    known = {**_CONTENT, **_FULL, **_ACCOUNT}
    hints = {**_CONTENT_HINTS, **_FULL_HINTS, **_ACCOUNT_HINTS}
    if reason in known:
        return Refused(known[reason], hint=hints.get(reason, ""), code=reason)
    return Refused("TikTok gave the post up ({code}).", code=reason)


def upload_trouble(answer: Answer) -> ChannelError | None:
    """The upload host speaks by status alone. Of the last chunk 403, 404 and 416 prove nothing: it may be there."""
    if answer.status in (403, 404, 416):
        if answer.irrevocable:
            return Uncertain("TikTok did not take the end of the video; perhaps it has it already.")
        kind = OutOfStep if answer.status == 416 else Forgotten
        return kind("TikTok did not take this piece of the video (HTTP {status}).", status=answer.status)
    if answer.status == 400:
        return Refused("TikTok refused the video.", hint="Convert it to MP4 (H.264, AAC) and try again.")
    return None


class OutOfStep(Unreachable):
    """416: other bytes have arrived than we think."""


class Forgotten(Unreachable):
    """403 or 404: the upload address has ended."""


def _error(answer: Answer) -> Mapping[str, Any]:
    """`error` of the envelope; empty for HTML, nothing, or another shape."""
    try:
        error = answer.member("error")
    except ChannelError:
        return {}
    return error if isinstance(error, dict) else {}
