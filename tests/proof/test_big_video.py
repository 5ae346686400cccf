"""A video that takes long to send is there before its time, so that its last request leaves to the second."""

import time
from datetime import timedelta

import pytest
from halls import Hall

from dissem import clock

MB = 10**6
DAY = {"preparing": "60 s", "send_deadline": "20 s"}  # as they are by default


@pytest.mark.parametrize(
    ("size", "line", "lead", "most"),
    [
        pytest.param(6 * MB, 4 * MB, 12.0, 3.0, id="6 MB"),
        pytest.param(200 * MB, 5 * MB, 75.0, 1.0, id="200 MB", marks=pytest.mark.proof),
    ],
)
def test_a_big_video_on_a_slow_line_is_published_at_its_time(
    size, line, lead, most, board, cradle, sqlite, tmp_path, record_property
):
    """*line*: bytes a second. *lead*: seconds from now to its time. *most*: seconds that it may be late; more than one
    where all tests run at once."""
    home = tmp_path / "home"
    sqlite(home)
    hall = Hall(home, "", board, DAY)
    channel, wall = hall.channel("films", "keyed"), board.wall("films")
    video, wall.line = hall.video(size), line
    due = clock.utc_now() + timedelta(seconds=lead)
    hall.queue(channel, due, video=video)

    life = cradle.start(home, until_idle=False)
    end = time.monotonic() + lead + 30
    while not wall.posts and time.monotonic() < end:
        time.sleep(0.05)

    hall.close()
    life.signal(9)
    [post] = wall.posts
    late = post.at - due.timestamp()
    before = due.timestamp() - wall.last_piece
    record_property(
        f"video of {size // MB} MB", f"uploaded {before:.1f} s before its time, published {late:.3f} s after"
    )
    assert wall.uploaded == size
    assert before > 0
    assert 0 <= late <= most
