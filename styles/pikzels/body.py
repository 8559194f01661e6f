"""The body of the paid call: JSON streamed from disk, with its last byte held back.

Until the final `}` has left, nobody can have parsed the request, so nothing can have been paid.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO

from . import rules
from .errors import Silence

# A multiple of 3, so that the base64 of the pieces joins without padding in between. Three times as
# much takes no less CPU, a third of it a tenth more.
CHUNK_BYTES = 171 * 1024
LAST_BYTE = b"}"


def fastest_encoder() -> Callable[[bytes], bytes]:
    """Return pybase64's encoder, many times as fast, or the standard library's without it."""
    try:
        import pybase64
    except ImportError:
        return base64.b64encode
    return pybase64.b64encode


b64encode = fastest_encoder()


class BodyError(Exception):
    """The body ended early by our own doing.

    Not an OSError, which would pass for the network's: urllib3 swallows a BrokenPipeError.
    """


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One image to send: where it is, what it is, and how many bytes it had when it was stored.

    With `sha256`, in hex, a file whose content has changed since is not sent either.

    Raises ValueError for a media type that is not one of `rules.IMAGE_TYPES`.
    """

    path: Path
    media_type: str
    size: int
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.media_type not in rules.IMAGE_TYPES:
            raise ValueError(f"A picture is one of {', '.join(rules.IMAGE_TYPES)}")

    @property
    def encoded_size(self) -> int:
        """The bytes of its base64."""
        return (self.size + 2) // 3 * 4


class StyleBody:
    """The JSON of one create, to be iterated once; it has a length and no `read`.

    Requests then sets Content-Length and hands these chunks on as they are.

    `before_last_byte` is called when all but the final byte was handed to the network. True sends
    that byte and makes the body `committed`; False abandons it. What it raises is kept in
    `callback_error`. Whenever the body ends early it raises BodyError, with `silence` (but for the
    callback's exception) and `error` telling why.

    Raises ValueError unless there are exactly three pictures or exactly three https URLs.
    """

    def __init__(
        self,
        *,
        name: str,
        pictures: Sequence[Picture] = (),
        image_urls: Sequence[str] = (),
        before_last_byte: Callable[[], bool],
        stop: Event | None = None,
    ) -> None:
        if sorted((len(pictures), len(image_urls))) != [0, rules.IMAGE_COUNT]:
            raise ValueError("A style is made of exactly three pictures or exactly three URLs")
        if not all(rules.IMAGE_URL.fullmatch(url) for url in image_urls):
            raise ValueError("The URL of an image starts with https:// and has no spaces")
        self._segments = _segments(name, pictures, image_urls)
        self._before_last_byte = before_last_byte
        self._stop = stop
        self._started = False
        self.bytes_sent = 0
        self.committed = False
        self.callback_error: Exception | None = None
        self.silence: Silence | None = None
        self.error = ""

    def __len__(self) -> int:
        return sum(map(_length, self._segments)) + len(LAST_BYTE)

    def __iter__(self) -> Iterator[bytes]:
        if self._started:
            raise BodyError("A body is sent once, for sending it again could pay twice")
        self._started = True
        for chunk in self._chunks():
            self._obey_stop()
            yield chunk
            self.bytes_sent += len(chunk)
        self._commit()
        yield LAST_BYTE
        self.bytes_sent += len(LAST_BYTE)

    def _chunks(self) -> Iterator[bytes]:
        position = 0
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
            else:
                position += 1
                yield from self._encoded(segment, position)

    def _encoded(self, picture: Picture, position: int) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            with picture.path.open("rb") as file:
                for piece in _pieces(file, picture.size):
                    if picture.sha256:
                        digest.update(piece)
                    yield b64encode(piece)
            if picture.sha256 and digest.hexdigest() != picture.sha256:
                raise OSError("the file has changed since it was stored")
        except OSError as error:
            self._abandon(Silence.PICTURE_LOST, f"Image {position}: {error.strerror or error}")

    def _commit(self) -> None:
        self._obey_stop()
        try:
            self.committed = bool(self._before_last_byte())
        except Exception as error:
            self.callback_error = error
            raise BodyError("The callback before the last byte failed") from error
        if not self.committed:
            self._abandon(Silence.STOPPED, "Stopped before the last byte")

    def _obey_stop(self) -> None:
        if self._stop is not None and self._stop.is_set():
            self._abandon(Silence.STOPPED, "Stopped before the last byte")

    def _abandon(self, silence: Silence, error: str) -> None:
        self.silence, self.error = silence, error
        raise BodyError(error)


def _segments(
    name: str, pictures: Sequence[Picture], image_urls: Sequence[str]
) -> list[bytes | Picture]:
    """Return all but the last byte: the JSON's own bytes, and pictures that stand for base64."""
    start = b'{"name":' + json.dumps(name).encode()
    if image_urls:
        return [start + b',"image_urls":' + json.dumps(list(image_urls)).encode()]
    segments: list[bytes | Picture] = []
    lead = start + b',"image_base64s":["'
    for picture in pictures:
        segments += [b"%bdata:%b;base64," % (lead, picture.media_type.encode()), picture]
        lead = b'","'
    return [*segments, b'"]']


def _length(segment: bytes | Picture) -> int:
    return len(segment) if isinstance(segment, bytes) else segment.encoded_size


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the file in chunks; raise OSError unless it has, from start to end, `size` bytes."""
    left = size
    while left:
        piece = file.read(min(CHUNK_BYTES, left))
        if not piece:
            # Or else the server would wait for the bytes that Content-Length has promised.
            raise OSError(f"the file has become shorter than its {size} bytes")
        left -= len(piece)
        yield piece
    if file.read(1):
        raise OSError(f"the file has become longer than its {size} bytes")
