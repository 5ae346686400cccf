"""Talks to the stand-ins of Instagram and Threads as an account's app does; answers are raw responses."""

import io
from datetime import timedelta
from pathlib import Path

import requests
from PIL import Image

from dissem import rehearsal

CLIP = (Path(rehearsal.__file__).parent / "material" / "clip.mp4").read_bytes()
SCALE = CLIP.index(b"mvhd") + 16  # of its movie header: units a second, then how many units it lasts


def lasting(seconds):
    """The clip, saying that it lasts *seconds*."""
    units = int.from_bytes(CLIP[SCALE : SCALE + 4]) * seconds
    return CLIP[: SCALE + 4] + int(units).to_bytes(4) + CLIP[SCALE + 8 :]


def picture(width=64, height=48, kind="JPEG"):
    held = io.BytesIO()
    Image.new("RGB", (width, height), (40, 90, 160)).save(held, kind)
    return held.getvalue()


def error_of(answer):
    error = answer.json()["error"]
    return error["code"], error.get("error_subcode")


class GraphClient:
    """Subclasses say their `version`, the `user` in paths, the `publish_edge` and the `state_field` of a container."""

    def __init__(self, standin, token=None):
        self.standin = standin
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token or standin.access_token}"

    def call(self, method, path, version=None, **more):
        return self.session.request(method, f"{self.standin.url}/{version or self.version}/{path}", timeout=5, **more)

    def get(self, path, **params):
        return self.call("GET", path, params=params)

    def renew(self, **params):
        return self.session.get(f"{self.standin.url}/refresh_access_token", params=params, timeout=5)

    def state(self, container):
        return self.get(container, fields=self.state_field).json()[self.state_field]

    def finished(self, answer):
        """The id of a container that has finished, or failed."""
        assert answer.status_code == 200, answer.text
        container = answer.json()["id"]
        while self.state(container) == "IN_PROGRESS":
            pass
        return container

    def flip(self, container):
        return self.call("POST", f"{self.user}/{self.publish_edge}", data={"creation_id": container})

    def shown(self, container):
        """The id of what was published."""
        answer = self.flip(container)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]


def renewal_follows_the_rules(client, grant, another):
    """What every platform with tokens of sixty days is asked: assertions, in the order a token grows old."""
    standin, token = client.standin, client.standin.access_token
    standin.issued[token] = standin.clock()
    assert error_of(client.renew(grant_type=grant)) == (100, None)

    standin.time_offset = timedelta(hours=24)
    assert error_of(client.renew(grant_type="other")) == (100, None)
    fresh = client.renew(grant_type=grant).json()
    assert (fresh["token_type"], fresh["expires_in"]) == ("bearer", 60 * 86_400)
    assert fresh["access_token"] != token
    for good in (token, fresh["access_token"]):
        assert another(good).get(standin.account, fields="id").status_code == 200

    standin.time_offset = timedelta(days=60)
    assert error_of(client.renew(grant_type=grant)) == (190, 463)
    assert error_of(client.get(standin.account, fields="id")) == (190, 463)
    assert another(fresh["access_token"]).get(standin.account, fields="id").status_code == 200
    assert error_of(another("wrong").renew(grant_type=grant)) == (190, None)
    assert fresh["access_token"] not in standin.without_secrets(f"?access_token={fresh['access_token']}")
