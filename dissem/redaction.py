"""Secrets out of every text: values learned when they are opened, and shapes that are secrets wherever they stand.

A net under the rule, not the rule: secrets travel in headers and `SecretStr`, never in texts that are logged.
"""

import logging
import re

MARK = "•••"
_known: set[str] = set()
_SHAPES = re.compile(
    r"(?P<bot>/bot)\d+:[\w-]+"  # Telegram's token is part of the address
    r"|(?P<query>(?:access_token|client_secret|refresh_token|appsecret_proof)=)[^&\s\"']+"
    r"|(?P<bearer>(?:Bearer|OAuth|Basic) )[A-Za-z0-9._~+/=|-]{8,}"
)


def learn(secret: str) -> None:
    """Remember an opened secret, so that no text of this process shows it; one under six characters could be a word."""
    if len(secret) >= 6:
        _known.add(secret)


def clean(text: str) -> str:
    """*text* without any known secret or secret-shaped part."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MARK)
    return _SHAPES.sub(lambda m: (m["bot"] or m["query"] or m["bearer"] or "") + MARK, text)


class Masking(logging.Formatter):
    """Formats a record as the wrapped formatter does, traceback included, then cleans it."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return clean(self.inner.format(record))
