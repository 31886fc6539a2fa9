"""What real programs send comes out as they meant it."""

from __future__ import annotations

import pytest

from tests.sansio.corpus import CORPUS, recorded
from tests.sansio.runs import Outcome, run, whole
from txmultipart.sansio import (
    MIME,
    Anomaly,
    EndOfMultipart,
    MultipartSerializer,
    PartBegin,
    PartData,
    PartEnd,
    parse_content_type,
)

OCTETS = "application/octet-stream"

#: (name, filename, type, content), the content by its length where it is long.
Row = tuple[str | None, str | None, str | None, bytes | int]

# What Chromium, curl, requests and httpx make of the same odd name.
ODD = 'we"ird\\ünï 日本\r\nX: y.txt'

PARTS: dict[str, list[Row]] = {
    "chromium-form-empty-file-charset": [
        ("_charset_", None, None, b"UTF-8"),
        ("t", None, None, "é".encode()),
        ("f", "", OCTETS, b""),
    ],
    "chromium-formdata-directory-odd-names": [
        ("files", "dd/a.txt", "text/plain", b"1\n"),
        ("files", "dd/sub/b c.txt", "text/plain", b"2\n"),
        ('w"e\\ird\r\nname', 'q"u\\o\r\nte ü 😀.txt', OCTETS, b"x"),
        ("t", None, None, b"line1\r\nline2"),
    ],
    "curl-form-comma-nested-mixed": [("files", None, "multipart/mixed", 323)],
    "curl-form-devnull-chunked": [
        ("empty", None, None, b""),
        ("f", "null", OCTETS, b""),
    ],
    # Whether a backslash escapes cannot be told from the bytes; browsers' do not.
    "curl-form-escape": [("f", 'we"ird\\\\name.txt', "text/plain", b"")],
    "curl-form-nested-alternative-chunked": [
        (None, None, "multipart/alternative", 206),
        ("z", "a.txt", "text/plain", b"hello"),
    ],
    "curl-form-quote-backslash": [("f", 'we"ird\\name.txt', "text/plain", b"")],
    "curl-form-simple": [("f", "a.txt", "text/plain", b"hello")],
    "curl-form-stdin": [("f", "-", None, b"hello")],
    "curl-form-string": [("a", None, None, b"@notafile;type=x")],
    "curl-form-type-filename-headers-base64": [
        ("x", None, "text/plain", b"text"),
        ("j", None, "application/json", b'{"a":1}'),
        ("p", "../../etc/passwd", "text/plain", b"aGVsbG8="),
    ],
    "curl-form-utf8-filename": [("f", "ünï 日本.txt", "text/plain", b"uni")],
    "google-drive-related-LF": [
        (None, None, "application/json", b'{"name": "x.bin"}'),
        (None, None, OCTETS, b"\0data\r\n--x"),
    ],
    "google-gmail-batch-LF": [
        (None, None, "application/http", 253),
        (None, None, "application/http", 282),
    ],
    "httpie-chunked": [("f", "a.txt", "text/plain", b"hello")],
    "httpie-hp": [
        ("a", None, None, b"b"),
        ("f", "a.txt", "text/plain", b"hello"),
        ("g", "b.json", "application/json", b'{"a":1}'),
    ],
    "kubo-rpc-client-add": [
        ("file", "dir%2Fa.txt", OCTETS, b"hello"),
        (
            "file-1?mode=0644&mtime=1000000000&mtime-nsecs=0",
            "dir%2Fsub%20dir%2F%C3%BC.txt",
            OCTETS,
            b"aabb",
        ),
        ("dir-2", "dir%2Fempty", "application/x-directory", b""),
    ],
    "node-soap-soap": [
        (None, None, "application/xop+xml", 245),
        (None, "a.png", "image/png", b"\1\2\3\r\n\xff"),
    ],
    "openai-v1-audio-transcriptions": [
        ("model", None, None, b"whisper-1"),
        ("timestamp_granularities[]", None, None, b"word"),
        ("timestamp_granularities[]", None, None, b"segment"),
        ("file", "a.wav", "audio/x-wav", b"RIFF"),
    ],
    "openai-v1-files": [
        ("purpose", None, None, b"fine-tune"),
        ("file", "d.jsonl", OCTETS, b"{}"),
    ],
    "python-aiohttp": [
        ("a", None, "text/plain", b"b"),
        ("f", "plain%20name.txt", OCTETS, b"data"),
    ],
    "python-aiohttp-2": [
        ("a", None, "text/plain", b"b"),
        ("f", 'we"ird%5C%C3%BCn%C3%AF%20%E6%97%A5%E6%9C%AC.txt', OCTETS, b"data"),
    ],
    "python-aiohttpw": [
        (None, None, "application/json", b'{"a": 1}'),
        (None, None, OCTETS, 25),
        (None, None, "text/plain", b"caf=C3=A9 =3D caf=C3=A9 =3D caf=C3=A9 =3D=20"),
        (None, None, "multipart/mixed", 140),
    ],
    "python-httpx-httpx": [
        ("a", None, None, b"b"),
        ("f", ODD.replace("\\", "\\\\"), "text/plain", b"data"),
    ],
    "python-requests-requests": [
        ("a", None, None, b"b"),
        ("f", ODD, None, b"data"),
    ],
    "python-requests-rt": [
        ("a", None, None, b"b"),
        ("f", ODD, "text/plain", b"data"),
    ],
    "python-telegram-bot-bot1-x-sendmediagroup": [
        ("chat_id", None, None, b"1"),
        ("media", None, None, 165),
        (
            "attached24d14e2a587c42dabd9f3233b1565a4c",
            "p1.jpg",
            "image/jpeg",
            b"\xff\xd8\xff",
        ),
        ("attached1a9aae47add5416db51eb200725a0a69", "d.pdf", "application/pdf", b"yy"),
    ],
    # The last frame of these two was cut off when they were recorded.
    "resp-ffmpeg-mpjpeg-body-first-frames": [
        (None, None, "image/jpeg", 5905),
        (None, None, "image/jpeg", 373),
    ],
    "resp-motion-mjpeg-body-first-frame": [
        (None, None, "image/jpeg", 4310),
        (None, None, "image/jpeg", 342),
    ],
    "resp-nginx-byteranges": [
        (None, None, "text/plain", b"\xfc\xcdPW"),
        (None, None, "text/plain", b"s\xd9c;"),
        (None, None, "text/plain", b"\xf0\xd7gi"),
    ],
    "resp-twisted-byteranges": [
        (None, None, OCTETS, b"\xfc\xcdPW"),
        (None, None, OCTETS, b"s\xd9c;"),
        (None, None, OCTETS, b"\xf0\xd7gi"),
    ],
    "resp-yoga-defer-stream": [
        (None, None, "application/json", size) for size in (50, 70, 70, 70, 64)
    ]
    + [(None, None, "application/json", b'{"hasNext":false}')],
}

ENDLESS = {name for name in PARTS if "mjpeg" in name or "mpjpeg" in name}
#: Two bodies that end all their lines in a bare LF.
BARE_LF = {"google-drive-related-LF", "google-gmail-batch-LF"}
#: What to look into, and what is there.
NESTED = {
    "curl-form-comma-nested-mixed": (0, [("a.txt", b"hello"), ("b.json", b'{"a":1}')]),
    "curl-form-nested-alternative-chunked": (
        0,
        [(None, b"plain"), (None, b"<b>h</b>")],
    ),
    "python-aiohttpw": (3, [(None, b"in")]),
}


def outcome(name: str) -> Outcome:
    sent = recorded(name)
    return whole(sent.body, sent.boundary, sent.profile)


def test_every_recording_has_a_row_here() -> None:
    assert set(PARTS) == set(CORPUS)


@pytest.mark.parametrize("name", PARTS)
def test_its_parts(name: str) -> None:
    for (headers, content), row in zip(outcome(name).parts, PARTS[name], strict=True):
        shown = len(content) if isinstance(row[3], int) else content
        told = (headers.name, headers.filename, headers.content_type, shown)
        assert told == row


@pytest.mark.parametrize("name", PARTS)
def test_its_end_and_what_had_to_be_tolerated(name: str) -> None:
    result = outcome(name)
    assert result.code == ("truncated" if name in ENDLESS else "")
    assert result.anomalies == ((Anomaly("bare-lf", 0),) if name in BARE_LF else ())


@pytest.mark.parametrize("name", NESTED)
def test_what_is_nested_in_it(name: str) -> None:
    index, expected = NESTED[name]
    headers, content = outcome(name).parts[index]
    _, parameters = parse_content_type(headers.get("content-type") or "")
    inner = whole(content, parameters["boundary"], MIME)
    assert [(part.filename, data) for part, data in inner.parts] == expected


@pytest.mark.parametrize("name", sorted(set(PARTS) - ENDLESS - BARE_LF))
def test_our_serializer_says_the_same(name: str) -> None:
    sent = recorded(name)
    result = run([sent.body], sent.boundary, sent.profile)
    serializer = MultipartSerializer(sent.boundary.decode())
    written = b""
    for headers, content in result.parts:
        written += serializer.send(PartBegin(headers))
        written += serializer.send(PartData(content)) + serializer.send(PartEnd())
    written += serializer.send(EndOfMultipart())
    # Some begin with a line break that we do not write.
    assert written == sent.body.removeprefix(b"\r\n")
