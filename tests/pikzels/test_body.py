"""The body of the paid call: exact, streamed, and never whole without a word from us."""

import base64
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styles.pikzels import body as body_module
from styles.pikzels.body import CHUNK_BYTES, BodyError, Picture, StyleBody
from styles.pikzels.errors import Silence

URLS = [f"https://example.com/{number}.png" for number in (1, 2, 3)]


def a_picture(folder: Path, content: bytes, name: str = "picture") -> Picture:
    path = folder / name
    path.write_bytes(content)
    return Picture(path=path, media_type="image/png", size=len(content))


def a_body(
    pictures: list[Picture],
    before_last_byte: Callable[[], bool] = lambda: True,
    **more: Any,
) -> StyleBody:
    return StyleBody(
        name="Neon nights", pictures=pictures, before_last_byte=before_last_byte, **more
    )


@pytest.mark.parametrize("size", [0, 1, 2, 3, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
def test_pictures_of_any_size_come_out_as_json_of_the_length_that_was_promised(
    tmp_path: Path, size: int
) -> None:
    contents = [bytes([number]) * size for number in (1, 2, 3)]
    pictures = [a_picture(tmp_path, content, str(content[:1])) for content in contents]
    body = a_body(pictures)
    sent = b"".join(body)
    assert len(sent) == len(body) == body.bytes_sent
    assert json.loads(sent) == {
        "name": "Neon nights",
        "image_base64s": [
            "data:image/png;base64," + base64.b64encode(content).decode() for content in contents
        ],
    }


def test_urls_are_sent_as_urls() -> None:
    body = StyleBody(name='"Quoted"', image_urls=URLS, before_last_byte=lambda: True)
    sent = b"".join(body)
    assert len(sent) == len(body)
    assert json.loads(sent) == {"name": '"Quoted"', "image_urls": URLS}


def test_no_chunk_is_larger_than_the_base64_of_one_piece(tmp_path: Path) -> None:
    pictures = [a_picture(tmp_path, b"x" * 500_000)] * 3
    assert max(map(len, a_body(pictures))) <= CHUNK_BYTES // 3 * 4


def test_the_callback_comes_once_when_only_the_last_byte_is_left(tmp_path: Path) -> None:
    seen: list[int] = []

    def hold() -> bool:
        seen.append(body.bytes_sent)
        return True

    body = a_body([a_picture(tmp_path, b"x" * 100)] * 3, hold)
    sent = b"".join(body)
    assert seen == [len(body) - 1]
    assert sent.endswith(b"}")
    assert body.committed


def test_without_our_word_the_body_stays_incomplete(tmp_path: Path) -> None:
    body = a_body([a_picture(tmp_path, b"x" * 100)] * 3, lambda: False)
    sent = []
    with pytest.raises(BodyError):
        sent.extend(body)
    assert (body.committed, body.silence, body.bytes_sent) == (
        False,
        Silence.STOPPED,
        len(body) - 1,
    )


def test_what_the_callback_raises_is_kept_and_does_not_pass_for_the_network(
    tmp_path: Path,
) -> None:
    error = BrokenPipeError("our own disk")

    def hold() -> bool:
        raise error

    body = a_body([a_picture(tmp_path, b"x")] * 3, hold)
    with pytest.raises(BodyError):
        list(body)
    assert body.callback_error is error
    assert not body.committed


def test_a_stop_ends_the_body_between_two_chunks(tmp_path: Path) -> None:
    stop = threading.Event()
    body = a_body([a_picture(tmp_path, b"x" * 3 * CHUNK_BYTES)] * 3, stop=stop)
    chunks = iter(body)
    next(chunks)
    next(chunks)
    stop.set()
    with pytest.raises(BodyError):
        next(chunks)
    assert body.silence is Silence.STOPPED


def test_a_stop_after_the_last_chunk_still_counts(tmp_path: Path) -> None:
    stop = threading.Event()
    asked: list[bool] = []

    def hold() -> bool:
        asked.append(True)
        return True

    body = a_body([a_picture(tmp_path, b"x")] * 3, hold, stop=stop)
    sent = 0
    with pytest.raises(BodyError):
        for chunk in body:
            sent += len(chunk)
            if sent == len(body) - 1:
                stop.set()
    assert not asked


def test_a_stop_during_the_commit_is_too_late(tmp_path: Path) -> None:
    stop = threading.Event()

    def hold() -> bool:
        stop.set()
        return True

    body = a_body([a_picture(tmp_path, b"x")] * 3, hold, stop=stop)
    assert len(b"".join(body)) == len(body)


@pytest.mark.parametrize("content", [b"x" * 9, b"x" * 11, None], ids=["shrunk", "grown", "gone"])
def test_a_picture_that_is_no_longer_the_same_ends_the_body_and_is_named(
    tmp_path: Path, content: bytes | None
) -> None:
    good, bad = a_picture(tmp_path, b"x" * 10), a_picture(tmp_path, b"x" * 10, "bad")
    bad.path.unlink()
    if content is not None:
        bad.path.write_bytes(content)
    body = a_body([good, bad, good])
    with pytest.raises(BodyError):
        list(body)
    assert body.silence is Silence.PICTURE_LOST
    assert body.error.startswith("Image 2: ")
    assert str(tmp_path) not in body.error
    assert not body.committed


@pytest.mark.parametrize("change", [-1, 1], ids=["shrinks", "grows"])
def test_a_picture_that_changes_while_it_is_sent_ends_the_body(tmp_path: Path, change: int) -> None:
    size = 10 * CHUNK_BYTES
    changing, still = a_picture(tmp_path, b"x" * size), a_picture(tmp_path, b"x", "still")
    body = a_body([changing, still, still])
    chunks = iter(body)
    next(chunks)
    next(chunks)
    changing.path.write_bytes(b"x" * (size + change * CHUNK_BYTES))
    with pytest.raises(BodyError):
        list(chunks)
    assert body.silence is Silence.PICTURE_LOST
    assert body.bytes_sent < len(body) - 1


def test_a_body_is_never_sent_twice(tmp_path: Path) -> None:
    body = a_body([a_picture(tmp_path, b"x")] * 3)
    list(body)
    with pytest.raises(BodyError, match="once"):
        list(body)


@pytest.mark.parametrize(("pictures", "urls"), [(0, 0), (2, 0), (4, 0), (0, 2), (3, 3), (3, 1)])
def test_other_counts_than_three_of_one_kind_are_a_programming_error(
    tmp_path: Path, pictures: int, urls: int
) -> None:
    picture = a_picture(tmp_path, b"x")
    with pytest.raises(ValueError, match="exactly three"):
        a_body([picture] * pictures, image_urls=(URLS * 2)[:urls])


@pytest.mark.parametrize("url", ["http://example.com/a.png", "https://", "https://a b", "a.png"])
def test_an_image_url_has_to_be_https(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        StyleBody(name="Neon", image_urls=[*URLS[:2], url], before_last_byte=lambda: True)


def test_a_picture_is_a_jpeg_or_a_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image/jpeg, image/png"):
        Picture(path=tmp_path, media_type="image/webp", size=1)


def test_without_pybase64_the_standard_library_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybase64", None)
    assert body_module.fastest_encoder() is base64.b64encode


def test_both_encoders_agree() -> None:
    content = bytes(range(256)) * 3
    assert body_module.b64encode(content) == base64.b64encode(content)
