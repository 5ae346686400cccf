"""TikTok: a video or up to 35 photos, posted directly or handed to the inbox of the handset; counts views and likes.

A video's file goes up in pieces under a `publish_id`, and nothing is posted before the last piece is in: so that piece
is `publish`, and after a lost answer TikTok is asked what it has under that id. Photos are fetched by TikTok as soon as
they are named, and only the lost answer would have told their id: nobody can look them up. Drafts cannot be listed.
API: https://developers.tiktok.com/doc/content-posting-api-get-started
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from dissem.channels.adapter import (
    Account,
    Adapter,
    Attachment,
    Certainty,
    Counts,
    Facts,
    Gone,
    Part,
    Prepared,
    Receipt,
    Stage,
)
from dissem.channels.client import Answer, Client
from dissem.channels.errors import ChannelError, NotYet, Refused, Throttled, Unauthorized, Uncertain, Unreachable
from dissem.channels.login import moment
from dissem.channels.network import Network
from dissem.channels.tiktok_errors import (
    Forgotten,
    OutOfStep,
    data_of,
    given_up,
    translate,
    upload_trouble,
)
from dissem.channels.tiktok_login import login_trouble, pair, renewed
from dissem.channels.tiktok_posts import FIGURES, counts, exact, is_photo, of_photos, post_in, profile

CHUNK = 5 * 2**20  # bytes; TikTok takes 5 to 64 MB a piece, the last one more
URL_LIFE = timedelta(minutes=55)  # TikTok: one hour
ASKED = timedelta(minutes=30)  # what the creator allows is not believed for longer
POLL = timedelta(seconds=20)  # between two looks at a post in processing; 30 a minute are allowed
MODERATION = timedelta(minutes=2)  # usually a minute, sometimes hours
JSON = {"Content-Type": "application/json; charset=UTF-8"}
PUBLIC = "PUBLIC_TO_EVERYONE"


class TikTok(Adapter):
    """One account, through an app of TikTok for Developers. The app must pass TikTok's audit to post directly."""

    platform = "tiktok"
    facts = Facts(
        label="TikTok",
        certainties=frozenset({Certainty.STAGED, Certainty.BLIND}),
        text=2200,  # of a video; 4000 beside photos
        api="v2",
        images=35,
        videos=1,
        needs_media=True,
        fetches=True,  # photos; videos are sent
        image_types=frozenset({"image/jpeg", "image/webp"}),  # no PNG
        image_bytes=20_000_000,
        image_side=1080,  # "1080p": a square of more is refused
        video_types=frozenset({"video/mp4", "video/webm", "video/quicktime"}),
        video_bytes=4_000_000_000,
        video_seconds=600,
        # "Typically around 15", all apps together: https://developers.tiktok.com/doc/content-sharing-guidelines/
        daily=15,
        counts=frozenset({"views", "likes", "comments", "shares"}),
        batch=20,
        ahead=timedelta(minutes=30),
        lag=timedelta(minutes=1),
    )

    class Settings(Adapter.Settings):
        """`renew` keeps up the tokens and their ends: moments as seconds since 1970, which nobody enters."""

        api_url: str = "https://open.tiktokapis.com"
        mode: Literal["inbox", "direct"] = Field("inbox", description="a draft for the handset, or a public post")
        privacy: Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"] = Field(
            "PUBLIC_TO_EVERYONE", description="who sees a direct post"
        )
        comments: bool = Field(False, description="people may comment on direct posts")
        duet: bool = Field(False, description="people may make duets with direct posts")
        stitch: bool = Field(False, description="people may use pieces of direct posts")
        client_id: SecretStr  # TikTok's "client key"
        client_secret: SecretStr
        refresh_token: SecretStr
        access_token: SecretStr | None = None
        access_token_ends: SecretStr | None = None
        refresh_token_ends: SecretStr | None = None

    def __init__(self, settings: Settings, *, network: Network, account: str = "") -> None:
        super().__init__(settings, network=network, account=account)
        token = settings.access_token.get_secret_value() if settings.access_token else None
        self.api = Client(settings.api_url, network=network, bearer=token, headers=JSON, translate=translate)
        self.host = Client(settings.api_url, network=network, translate=upload_trouble)  # its address is the key
        self.door = Client(settings.api_url, network=network, translate=login_trouble)

    @classmethod
    def length(cls, text: str) -> int:
        """UTF-16 code units: an emoji counts two or more."""
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    @classmethod
    def receipt_at(cls, url: str) -> Receipt | None:
        """Of a whole address; the short ones that the app shares (vm.tiktok.com) hold no id."""
        post = post_in(url)
        return Receipt(post, url) if post else None

    def certainty(self, part: Part) -> Certainty:
        """A video's `publish_id` is known before it is posted; that of photos is in the answer that may get lost."""
        return Certainty.STAGED if _video(part) else Certainty.BLIND

    # Who we are

    def check(self) -> Account:
        """The account and when its access token ends; for direct posts also what its owner allows."""
        fields = {"fields": "open_id,display_name"}
        user = self._ask("GET", "/v2/user/info/", params=fields).get("user")
        if not isinstance(user, dict) or not user.get("open_id"):
            raise Unreachable("The platform's answer lacks what was asked for.")
        creator = self._creator_if_direct()
        login_ends = moment(self.settings.refresh_token_ends)
        limits = {
            "login_ends": login_ends and login_ends.isoformat(),
            "video_seconds": creator.get("max_video_post_duration_sec"),
        }
        return Account(
            id=str(user["open_id"]),
            name=str(user.get("display_name") or user["open_id"]),
            url=profile(creator),
            expires=moment(self.settings.access_token_ends),
            limits={name: value for name, value in limits.items() if value},
        )

    def _creator_if_direct(self) -> Mapping[str, Any]:
        """Empty for drafts, and where the day's posts are used up: that says nothing against the login."""
        try:
            return self._creator() if self.settings.mode == "direct" else {}
        except Throttled:
            return {}

    def renew(self) -> Mapping[str, SecretStr]:
        """The next pair of tokens and their ends. Uncertain: the answer was lost, and with it perhaps the login."""
        now, known = datetime.now(UTC), self.settings
        answer = renewed(
            self.door,
            client_id=known.client_id,
            client_secret=known.client_secret,
            refresh_token=known.refresh_token,
        )
        return pair(answer, now)

    def _ask(self, method: str, path: str, body: Any = None, **options: Any) -> Mapping[str, Any]:
        """`data` of a call. An access token that is missing or has ended is waited for: `renew` brings one."""
        ends = moment(self.settings.access_token_ends)
        if not self.settings.access_token or (ends and ends <= datetime.now(UTC)):
            raise NotYet(
                "The channel waits for a new access token of TikTok.",
                hint="If this stays so, look whether its login is renewed: dissem doctor",
                retry_after=timedelta(minutes=1),
            )
        return data_of(self.api.call(method, path, json=body, **options))

    def _creator(self) -> Mapping[str, Any]:
        """What the account's owner allows now; asked before every direct post, as TikTok demands."""
        creator = self._ask("POST", "/v2/post/publish/creator_info/query/")
        if self.settings.privacy not in (creator.get("privacy_level_options") or ()):
            raise Unauthorized(
                "This TikTok account does not offer the channel's privacy.",
                hint="Make the account public in the TikTok app, or change the channel's privacy.",
            )
        return creator

    # Before it is public

    def prepare(self, part: Part, prepared: Prepared) -> Iterator[Prepared]:
        """A video up to its last piece; of photos only the question what their owner allows."""
        if video := _video(part):
            yield from self._upload(part, video, prepared)
            return
        _addresses(part)
        if self.settings.mode == "direct" and not prepared.get("creator"):
            creator = self._creator()
            kept = {"comment_disabled": bool(creator.get("comment_disabled"))}
            yield prepared.having(creator=kept).until(datetime.now(UTC) + ASKED)

    def _upload(self, part: Part, video: Attachment, prepared: Prepared) -> Iterator[Prepared]:
        """`publish_id`, `upload_url`: where the pieces go; `sent`: how many are there. `publish` sends the last."""
        if not prepared.get("publish_id"):
            prepared = self._begin(part, video, prepared)
            yield prepared
        while (sent := prepared.get("sent")) < _pieces(video) - 1:
            try:
                prepared = prepared.having(sent=self._sent_on(video, prepared))
            except Forgotten:
                yield Prepared()  # begun anew the next time
                raise
            yield prepared
            if prepared.get("sent") <= sent:
                raise Unreachable("TikTok does not take the video forward.")  # later, not in an endless circle

    def _sent_on(self, video: Attachment, prepared: Prepared) -> int:
        """Send the next piece; answers how many are there, by TikTok's word where it had other ones than we thought."""
        try:
            self._send(video, prepared, total=None)
        except OutOfStep:
            told = self._status(prepared.get("publish_id"))
            if told["status"] == "FAILED":
                raise Forgotten("TikTok has given the upload up; it begins anew.") from None
            there = told.get("uploaded_bytes")
            whole = there // (video.size // _pieces(video)) if isinstance(there, int) else 0
            return min(whole, _pieces(video) - 1)
        return int(prepared.get("sent")) + 1

    def _begin(self, part: Part, video: Attachment, prepared: Prepared) -> Prepared:
        chunk = video.size // _pieces(video)
        source = {
            "source": "FILE_UPLOAD",
            "video_size": video.size,
            "chunk_size": chunk,
            "total_chunk_count": _pieces(video),
        }
        began = datetime.now(UTC)
        if self.settings.mode == "inbox":
            told = self._ask("POST", "/v2/post/publish/inbox/video/init/", {"source_info": source})
        else:
            info = self._video_info(part, video)
            told = self._ask("POST", "/v2/post/publish/video/init/", {"post_info": info, "source_info": source})
        address = str(told.get("upload_url") or "")
        if not told.get("publish_id") or not self._is_tiktoks(address):
            raise Unreachable("TikTok did not say where the video should go.")
        kept = prepared.having(publish_id=str(told["publish_id"]), upload_url=address, sent=0)
        return kept.until(began + URL_LIFE)

    def _video_info(self, part: Part, video: Attachment) -> dict[str, Any]:
        creator = self._creator()
        longest = creator.get("max_video_post_duration_sec")
        if longest and video.duration and video.duration > longest:
            raise Refused(
                "The video is too long: this TikTok account may post {seconds} seconds.",
                hint="Shorten the video.",
                seconds=longest,
            )
        return {
            "title": part.text,
            **self._public_info(creator),
            "disable_duet": bool(creator.get("duet_disabled")) or not self.settings.duet,
            "disable_stitch": bool(creator.get("stitch_disabled")) or not self.settings.stitch,
        }

    def _public_info(self, creator: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "privacy_level": self.settings.privacy,
            "disable_comment": bool(creator.get("comment_disabled")) or not self.settings.comments,
            "brand_content_toggle": False,  # a city's news is no advertisement
            "brand_organic_toggle": False,
        }

    def _is_tiktoks(self, address: str) -> bool:
        """The file goes to TikTok and nowhere else, whatever the answer says."""
        host = urlsplit(address).hostname or ""
        return host.endswith(".tiktokapis.com") or host == urlsplit(self.settings.api_url).hostname

    def _send(self, video: Attachment, prepared: Prepared, **options: Any) -> Answer:
        """The next piece. Sizes are even, and the last piece takes what is left."""
        count = _pieces(video)
        size, sent = video.size // count, prepared.get("sent")
        first = sent * size
        end = video.size if sent == count - 1 else first + size
        with video.path.open("rb") as file:
            file.seek(first)
            piece = file.read(end - first)
        headers = {"Content-Type": video.type, "Content-Range": f"bytes {first}-{end - 1}/{video.size}"}
        return self.host.put(prepared.get("upload_url"), data=piece, headers=headers, **options)

    # Public

    def publish(self, part: Part, prepared: Prepared) -> Receipt:
        """The last piece of a video, or the addresses of photos; both begin TikTok's own work."""
        if video := _video(part):
            answer = self._send(video, prepared, irrevocable=True)
            if answer.status != 201:
                raise Uncertain("TikTok did not say that the video is complete.")
            return _processing(prepared.get("publish_id"))
        told = self._ask("POST", "/v2/post/publish/content/init/", self._photo_post(part, prepared), irrevocable=True)
        if not told.get("publish_id"):
            raise Uncertain("The platform's answer lacks what was asked for.")
        return _processing(str(told["publish_id"]))

    def _photo_post(self, part: Part, prepared: Prepared) -> dict[str, Any]:
        direct = self.settings.mode == "direct"
        about = {**self._public_info(prepared.get("creator", {})), "auto_add_music": False} if direct else {}
        return {
            "media_type": "PHOTO",
            "post_mode": "DIRECT_POST" if direct else "MEDIA_UPLOAD",
            "post_info": {"description": part.text, **about},
            "source_info": {"source": "PULL_FROM_URL", "photo_images": _addresses(part), "photo_cover_index": 0},
        }

    def confirm(self, receipt: Receipt) -> Receipt:
        """A draft is HANDED once it is in the inbox, and public once a person has posted it."""
        if receipt.stage is Stage.PUBLIC:
            return receipt
        told = self._status(receipt.id)
        settled = self._settled(receipt.id, told)
        if settled is None:
            done = told.get("status") == "PUBLISH_COMPLETE"
            raise NotYet("TikTok is still working on the post.", retry_after=MODERATION if done else POLL)
        return settled

    def _status(self, publish_id: str) -> Mapping[str, Any]:
        told = self._ask("POST", "/v2/post/publish/status/fetch/", {"publish_id": publish_id})
        if not isinstance(told.get("status"), str):
            raise Unreachable("The platform's answer lacks what was asked for.")
        return told

    def _settled(self, publish_id: str, told: Mapping[str, Any]) -> Receipt | None:
        """The receipt of a post that TikTok is done with, None while it is not; Refused if it gave up."""
        if told["status"] == "FAILED":
            raise given_up(str(told.get("fail_reason") or "unknown"))
        if told["status"] == "SEND_TO_USER_INBOX":
            return Receipt(publish_id, stage=Stage.HANDED)
        if told["status"] != "PUBLISH_COMPLETE":
            return None
        posts = [exact(post) for post in told.get("publicaly_available_post_id") or ()]  # TikTok's own spelling
        if posts:
            return Receipt(posts[0], self._address(posts[0], publish_id), also=(*posts[1:], publish_id))
        if self.settings.mode == "inbox":  # posted by the person, and not or not yet for everyone
            return Receipt(publish_id, stage=Stage.HANDED)
        return None if self.settings.privacy == PUBLIC else Receipt(publish_id)  # the others never get an id

    def _address(self, post: str, publish_id: str) -> str | None:
        """Where people see it, if TikTok tells; it is public in any case."""
        try:
            shared = self._videos([post], "id,share_url").get(post, {}).get("share_url")
        except ChannelError:
            shared = None
        return str(shared).partition("?")[0] if shared else self._guessed(post, publish_id)

    def _guessed(self, post: str, publish_id: str) -> str | None:
        try:
            account = profile(self._creator_if_direct())
        except ChannelError:
            return None
        return account and f"{account}/{'photo' if of_photos(publish_id) else 'video'}/{post}"

    # Is it there?

    def find(self, part: Part, prepared: Prepared, since: datetime) -> Sequence[Receipt]:
        """What TikTok has under our id. Less than the whole video: it was not posted."""
        video = _video(part)
        if not video:
            raise Uncertain("TikTok cannot be asked for photos whose number was lost.")
        publish_id = prepared.get("publish_id", None)
        if not publish_id:
            return []  # nothing was begun, so no last piece was sent
        told = self._status(publish_id)
        if told["status"] in ("PROCESSING_UPLOAD", "FAILED"):
            arrived = told.get("uploaded_bytes")
            if not isinstance(arrived, int):
                raise Uncertain("TikTok did not say how much of the video it has.")
            return [_processing(publish_id)] if arrived >= video.size else []  # `confirm` says why it failed
        return [self._settled(publish_id, told) or _processing(publish_id)]

    # Afterwards

    def measure(self, receipts: Sequence[Receipt]) -> Mapping[str, Counts | Gone]:
        """By the ids of posts; what has none (a draft, a post for friends) cannot be asked for."""
        posts = [receipt for receipt in receipts if receipt.id.isdigit()]
        if not posts:
            return {}
        known = self._videos([receipt.id for receipt in posts], ",".join(("id", *FIGURES)))
        figures: dict[str, Counts | Gone] = {}
        for receipt in posts:
            if receipt.id in known:
                figures[receipt.id] = counts(known[receipt.id])
            elif not is_photo(receipt):  # whether photos are listed at all, TikTok does not say
                figures[receipt.id] = Gone()
        return figures

    def _videos(self, posts: Sequence[str], fields: str) -> Mapping[str, Mapping[str, Any]]:
        """What TikTok shows of our *posts*, by their ids."""
        asked = {"filters": {"video_ids": list(posts)}}
        videos = self._ask("POST", "/v2/video/query/", asked, params={"fields": fields}).get("videos")
        if not isinstance(videos, list) or not all(isinstance(one, dict) and "id" in one for one in videos):
            raise Unreachable("The platform's answer could not be read.")
        return {exact(one["id"]): one for one in videos}


def _video(part: Part) -> Attachment | None:
    return next((a for a in part.attachments if a.is_video), None)


def _pieces(video: Attachment) -> int:
    """How many pieces of at least CHUNK the file makes, rounded down as TikTok does; a small file is one."""
    return max(video.size // CHUNK, 1)


def _addresses(part: Part) -> list[str]:
    """Where TikTok can fetch the photos."""
    if not part.attachments:
        raise Refused("TikTok takes no text without a video or photos.", hint="Add a video or a photo.")
    found = [photo.url for photo in part.attachments if photo.url]
    if len(found) < len(part.attachments):
        raise Refused(
            "This platform fetches pictures from a public address, and there is none.",
            hint="Set folder and url under [public_media] in config.toml.",
        )
    return found


def _processing(publish_id: str) -> Receipt:
    return Receipt(publish_id, stage=Stage.PROCESSING)
