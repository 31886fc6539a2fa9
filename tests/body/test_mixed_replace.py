"""MixedReplaceWriter: when a frame can be drawn, what a slow viewer misses, and the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from tests.body.doubles import Downstream, Outcome, next_of, untimed, value_of
from tests.peers import peer
from tests.programs import run
from tests.web.wire import Wire, request_bytes
from txmultipart.body.mixed_replace import MixedReplaceWriter, State
from txmultipart.body.producer import State as Sending
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.web.resource import MultipartResource
from txmultipart.web.site import StreamingSite

OPEN, FINISHED, GONE = State
HEAD = b"--f\r\nContent-Type: image/jpeg\r\n\r\n"
BEHIND = b"\r\n" + HEAD
CLOSE = b"--f--\r\n"


class Rig:
    """A writer and its viewer."""

    def __init__(self, **options: Any) -> None:
        self.writer = MixedReplaceWriter("f", **options)
        self.viewer: Any = Downstream()

    def start(self) -> Rig:
        self.done = Outcome(self.writer.startProducing(self.viewer))
        return self

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.writer.send(frame)

    def take(self) -> list[bytes]:
        """What the viewer was given since the last time."""
        taken, self.viewer.pieces = self.viewer.pieces, []
        return list(taken)


def test_it_is_what_it_says() -> None:
    writer = MixedReplaceWriter("a b")
    verifyObject(IBodyProducer, writer)
    kind = 'multipart/x-mixed-replace; boundary="a b"'
    assert writer.content_type == kind
    assert writer.headers.getRawHeaders("content-type") == [kind]
    assert (writer.length, writer.replayable) == (UNKNOWN_LENGTH, False)
    assert writer.boundary == "a b"
    assert MixedReplaceWriter().boundary != MixedReplaceWriter().boundary


# What is written ---------------------------------------------------------------------


def test_the_next_headers_stand_right_behind_each_frame() -> None:
    rig = Rig().start()
    assert rig.take() == [HEAD]
    rig.send(b"1")
    assert rig.take() == [b"1" + BEHIND]
    rig.send(b"2", b"3")
    assert rig.take() == [b"2" + BEHIND, b"3" + BEHIND]
    assert not rig.done.fired
    assert (rig.writer.frames, rig.writer.dropped) == (3, 0)
    rig.writer.stopProducing()


def test_a_length_instead() -> None:
    rig = Rig(early_headers=False).start()
    assert rig.take() == []
    head = HEAD.removesuffix(b"\r\n") + b"Content-Length: 2\r\n\r\n"
    rig.send(b"aa", b"bb")
    assert rig.take() == [head + b"aa\r\n", head + b"bb\r\n"]
    rig.writer.finish()
    assert rig.take() == [CLOSE]
    assert rig.done.value is None


def test_frames_have_the_headers_that_one_wants() -> None:
    rig = Rig(content_type="image/png", headers={"X": "y"}).start()
    assert rig.take() == [b"--f\r\nContent-Type: image/png\r\nX: y\r\n\r\n"]
    rig.writer.stopProducing()
    with pytest.raises(MisuseError):
        Rig(headers={"X": "a\r\nb"})
    with pytest.raises(MisuseError):
        Rig(content_type="a\r\nb")


ENDS: dict[str, tuple[dict[str, Any], list[bytes], bytes | None, bytes]] = {
    "nothing": ({}, [], None, CLOSE),
    "nothing, with lengths": ({"early_headers": False}, [], None, CLOSE),
    "one": ({}, [b"1"], None, HEAD + b"1\r\n" + CLOSE),
    "the last one given": ({}, [b"1"], b"2", HEAD + b"1" + BEHIND + b"2\r\n" + CLOSE),
    "an empty one": ({}, [b""], None, HEAD + b"\r\n" + CLOSE),
}


@pytest.mark.parametrize(
    ("options", "frames", "last", "whole"), ENDS.values(), ids=ENDS
)
def test_an_end_that_is_known_in_time(
    options: dict[str, Any], frames: list[bytes], last: bytes | None, whole: bytes
) -> None:
    rig = Rig(**options)
    rig.send(*frames)
    rig.writer.finish(last)
    assert rig.start().done.value is None
    assert rig.viewer.data == whole


def test_an_end_behind_headers_that_are_out_already() -> None:
    rig = Rig().start()
    rig.send(b"1")
    rig.writer.finish()
    assert rig.viewer.data == HEAD + b"1" + BEHIND + b"\r\n" + CLOSE
    assert rig.done.value is None


def test_the_last_frame_may_be_given_with_the_end() -> None:
    rig = Rig().start()
    rig.send(b"1")
    rig.writer.finish(b"2")
    rig.writer.finish(b"never")
    assert rig.viewer.data == HEAD + b"1" + BEHIND + b"2\r\n" + CLOSE
    assert rig.done.value is None


# A slow viewer -----------------------------------------------------------------------


@pytest.mark.parametrize("bound", [1, 2, 3])
@pytest.mark.parametrize("early", [True, False], ids=["early", "lengths"])
def test_a_slow_viewer_misses_the_oldest_frames(early: bool, bound: int) -> None:
    rig = Rig(early_headers=early, max_waiting=bound).start()
    rig.send(b"first")
    rig.writer.pauseProducing()
    # What the viewer has asked for already is not waiting any more.
    frames = [b"on its way", *(b"<%d>" % number for number in range(9))]
    rig.send(*frames)
    assert rig.writer.dropped == 9 - bound
    rig.writer.resumeProducing()
    rig.writer.finish()
    data = rig.viewer.data
    seen = [frame for frame in [b"first", *frames] if frame in data]
    assert seen == [b"first", b"on its way", *frames[-bound:]]
    assert rig.writer.frames == 2 + bound


def test_before_the_start_the_newest_frames_are_kept() -> None:
    rig = Rig(max_waiting=1)
    rig.send(b"1", b"2", b"3")
    rig.start()
    assert rig.viewer.data == HEAD + b"3" + BEHIND
    assert rig.writer.dropped == 2
    rig.writer.stopProducing()


def test_a_frame_that_is_being_written_is_sent_whole() -> None:
    rig = Rig(max_waiting=1)

    def meddle(number: int) -> None:
        if number == 2:
            rig.writer.pauseProducing()
            rig.send(b"2", b"3")

    rig.viewer = Downstream(meddle)
    rig.send(b"1")
    rig.start()
    assert rig.viewer.data == HEAD + b"1" + BEHIND
    rig.writer.resumeProducing()
    assert rig.viewer.data == HEAD + b"1" + BEHIND + b"3" + BEHIND
    rig.writer.stopProducing()


@pytest.mark.parametrize("bound", [0, -1])
def test_at_least_one_frame_waits(bound: int) -> None:
    with pytest.raises(MisuseError):
        MixedReplaceWriter(max_waiting=bound)


def send_more(rig: Rig) -> None:
    if not rig.writer.closed:
        rig.send(b"inner")


ACTS: dict[str, tuple[Callable[[Rig], object], bool]] = {
    "send": (lambda rig: send_more(rig), True),
    "pause": (lambda rig: rig.writer.pauseProducing(), True),
    "finish": (lambda rig: rig.writer.finish(), True),
    "finish with a frame": (lambda rig: rig.writer.finish(b"last"), True),
    "stop": (lambda rig: rig.writer.stopProducing(), False),
}


@pytest.mark.parametrize(("act", "whole"), ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("early", [True, False], ids=["early", "lengths"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_viewer_may_do_anything_from_within_a_write(
    at: int, early: bool, act: Callable[[Rig], object], whole: bool
) -> None:
    rig = Rig(early_headers=early)
    rig.viewer = Downstream(lambda number: act(rig) if number == at else None)
    rig.start()
    for frame in (b"1", b"2"):
        if not rig.writer.closed:
            rig.send(frame)
    rig.writer.finish()
    for _ in range(3):
        rig.writer.resumeProducing()
    assert rig.done.results == ([None] if whole else [])
    # Stopped from within the last write, it has had all and is not told so.
    assert rig.viewer.data.endswith(CLOSE) or not whole


# The table ---------------------------------------------------------------------------


def reach(state: State) -> Rig:
    rig = Rig().start()
    if state is FINISHED:
        rig.writer.pauseProducing()
        rig.writer.finish()
    if state is GONE:
        rig.writer.stopProducing()
    return rig


INPUTS: dict[str, Callable[[Rig], object]] = {
    "send": lambda rig: rig.writer.send(b"x"),
    "finish": lambda rig: rig.writer.finish(),
    "finish with a frame": lambda rig: rig.writer.finish(b"x"),
    "given up": lambda rig: rig.writer.stopProducing(),
}
NEXT: dict[tuple[str, State], State] = {
    ("finish", OPEN): FINISHED,
    ("finish with a frame", OPEN): FINISHED,
    ("given up", OPEN): GONE,
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", INPUTS)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = reach(state)
    for _ in range(2):
        if (name, state) == ("send", FINISHED):
            with pytest.raises(MisuseError, match="after the last"):
                INPUTS[name](rig)
        else:
            INPUTS[name](rig)
        after = NEXT.get((name, state), state)
        assert rig.writer.stream_state is after
        assert rig.writer.closed is (after is not OPEN)
    rig.writer.stopProducing()


@pytest.mark.parametrize("frame", ["text", 1, None])
@pytest.mark.parametrize("state", [OPEN, GONE], ids=lambda state: state.value)
def test_a_frame_is_bytes(state: State, frame: Any) -> None:
    rig = reach(state)
    with pytest.raises(MisuseError, match="a frame is bytes"):
        rig.writer.send(frame)
    rig.writer.stopProducing()


def test_one_viewer_for_each_writer() -> None:
    rig = Rig()
    rig.writer.finish()
    rig.start()
    with pytest.raises(PayloadError, match="only once"):
        rig.start()


@untimed
@given(
    st.lists(st.sampled_from(["send", "pause", "resume", "finish", "stop"])),
    st.booleans(),
    st.integers(1, 3),
)
def test_any_order_gives_whole_frames(
    names: list[str], early: bool, bound: int
) -> None:
    rig = Rig(early_headers=early, max_waiting=bound).start()
    count = 0
    for name in names:
        if name == "send" and rig.writer.stream_state is not FINISHED:
            count += rig.writer.stream_state is OPEN
            rig.send(b"<%d>" % count)
        elif name == "pause":
            rig.writer.pauseProducing()
        elif name == "resume":
            rig.writer.resumeProducing()
        elif name == "finish":
            rig.writer.finish()
        elif name == "stop":
            rig.writer.stopProducing()
    rig.writer.finish()
    rig.writer.resumeProducing()
    assert rig.done.fired is (rig.writer.state is not Sending.STOPPED)
    if rig.done.fired:
        assert whole(rig)
        assert rig.writer.frames + rig.writer.dropped == count


def whole(rig: Rig) -> bool:
    """Whether what was sent is a multipart of whole frames, in order, and its end."""
    reader = MultipartReader(rig.writer.content_type)
    assert rig.viewer.data.endswith(CLOSE)
    reader.write(rig.viewer.data)
    reader.unregisterProducer()
    frames = []
    while (part := value_of(reader.next_part())) is not None:
        frames.append(value_of(part.read()))
    frames = [frame for frame in frames if frame]
    assert frames == sorted(frames, key=lambda frame: int(frame[1:-1]))
    return len(frames) == rig.writer.frames


# A reader, a site --------------------------------------------------------------------


def test_a_reader_sees_each_frame_when_it_is_there() -> None:
    rig = Rig().start()
    reader = MultipartReader(rig.writer.content_type)
    for frame in (b"1", b"22", b"333"):
        rig.send(frame)
        for piece in rig.take():
            reader.write(piece)
        part = next_of(reader)
        assert value_of(part.read()) == frame
        assert part.content_type == "image/jpeg"
    rig.writer.stopProducing()


class Camera(Resource):
    """Shows each viewer what ``show`` is given."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.viewers: list[MixedReplaceWriter] = []

    def writer(self) -> MixedReplaceWriter:
        self.viewers.append(viewer := MixedReplaceWriter("f"))
        return viewer


class Answering(MultipartResource):
    """Answers with a writer, whatever is sent to it."""

    isLeaf = True

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self.camera = camera

    def render_multipart(self, request: Any, reader: MultipartReader) -> object:
        return self.camera.writer()


def ask() -> bytes:
    body = b"--b--\r\n"
    kind = "Content-Type: multipart/mixed; boundary=b"
    return request_bytes("POST", "/", body, kind)


def test_a_resource_may_answer_with_it() -> None:
    camera = Camera()
    wire = Wire(Answering(camera)).send(ask())
    (viewer,) = camera.viewers
    viewer.send(b"1")
    answer = wire.transport.value()
    assert b"Content-Type: multipart/x-mixed-replace; boundary=f\r\n" in answer
    assert b"Content-Length" not in answer
    chunk = b"1" + BEHIND
    assert answer.endswith(b"\r\n%x\r\n%s\r\n" % (len(chunk), chunk))
    viewer.finish(b"2")
    assert wire.answer.body == HEAD + b"1" + BEHIND + b"2\r\n" + CLOSE


def test_a_viewer_that_reads_slowly_pauses_it_and_one_that_goes_ends_it() -> None:
    camera = Camera()
    wire = Wire(Answering(camera)).send(ask())
    (viewer,) = camera.viewers
    wire.channel.pauseProducing()
    sent = len(wire.transport.value())
    for _ in range(9):
        viewer.send(b"x")
    assert viewer.dropped == 6
    assert len(wire.transport.value()) == sent
    wire.lose()
    assert viewer.closed
    viewer.send(b"into the void")


async def test_curl_sees_the_frames(tmp_path: Path) -> None:
    camera = Camera()
    site = StreamingSite(Answering(camera))
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
    url = f"http://127.0.0.1:{port.getHost().port}/"
    (tmp_path / "empty").write_bytes(b"--b--\r\n")
    kind = "Content-Type: multipart/mixed; boundary=b"
    body = f"@{tmp_path / 'empty'}"
    curl = run(peer("curl"), "-sSN", "-H", kind, "--data-binary", body, url)
    await curl.spoke  # the first part's headers
    (viewer,) = camera.viewers
    viewer.send(b"1")
    viewer.finish(b"2")
    assert (await curl.ended).encode() == HEAD + b"1" + BEHIND + b"2\r\n" + CLOSE
    await port.stopListening()
