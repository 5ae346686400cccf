"""A person with a browser: opens the address of a login, lets the app in, and is sent back."""

import http.client
from urllib.parse import urlsplit


def request(method: str, address: str, **headers: str) -> tuple[int, str, str]:
    """Status, Location and body of one request, no redirect followed."""
    parts = urlsplit(address)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        line.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode()
    finally:
        line.close()


def sent_back(address: str) -> str:
    """Where the platform sends the browser once the person has decided, without what only browsers see."""
    assert request("GET", address)[0] == 200
    status, location, body = request("POST", address)
    assert status == 302, body
    return location
