"""Decode WebP and AVIF in a process of its own, which may take so much memory and no more.

Their headers bind nobody: an AVIF file of 2 KB that tells of 64 × 64 pixels can hold, behind that,
a picture of 268 megapixels, and several that nobody gets to see; all of them are decoded. A process
that goes too far is ended, and it is the file that cannot be read. Run as `python confined.py BYTES
SECONDS` with the file at its standard input. Nothing of Django is here: that takes longer to start.
"""

import io
import resource
import subprocess
import sys
import tempfile

from PIL import AvifImagePlugin, Image, WebPImagePlugin

# At 17 bytes a pixel for WebP, and 12 for AVIF: less than MEMORY_BYTES, with the file twice.
MAX_PIXELS = 16_000_000
MEMORY_BYTES = 350_000_000
CPU_SECONDS = 20
# For a machine with nothing to spare; a process that takes its time is ended after CPU_SECONDS.
WALL_SECONDS = 120
# Pillow need not look for them among all that it knows, which takes as long as a small picture.
FORMATS = (WebPImagePlugin.WebPImageFile.format, AvifImagePlugin.AvifImageFile.format)
CODES = ("animated", "too_many_pixels")


class RefusedError(Exception):
    """The file cannot be used. `code` is "animated", "too_many_pixels" or "unreadable"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def kind_of(data: bytes) -> str:
    """Return "WEBP", "AVIF", or "" for what is neither, by the first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return "AVIF" if data[4:8] == b"ftyp" and b"avi" in brands else ""


def stops_early(data: bytes) -> bool:
    """Whether a WebP file is shorter than its header says."""
    return data.startswith(b"RIFF") and len(data) < int.from_bytes(data[4:8], "little") + 8


def as_png(data: bytes) -> bytes:
    """Return a WebP or AVIF file as PNG, with its colour profile and its EXIF.

    Raises RefusedError, and OSError where there can be no further process.
    """
    command = [sys.executable, "-P", "-W", "ignore", __file__]
    command += [str(MEMORY_BYTES), str(CPU_SECONDS)]
    # Not through a pipe, from which it would come in thousands of pieces.
    with tempfile.TemporaryFile() as png:
        none = subprocess.DEVNULL
        try:
            ended = subprocess.run(
                command, input=data, stdout=png, stderr=none, timeout=WALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RefusedError("unreadable") from error
        png.seek(0)
        written = png.read()
    word = written[:20].decode("latin-1")
    if word in CODES:
        raise RefusedError(word)
    if ended.returncode:
        raise RefusedError("unreadable")
    return written


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Write the picture that is read to the standard output, or one of CODES."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    # The memory it takes has to be the same on any number of processors.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    # Pillow refuses what has twice as many, before WebP takes the memory for it.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    try:
        image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=FORMATS)
    except Image.DecompressionBombError:
        sys.stdout.write("too_many_pixels")
        return
    if getattr(image, "n_frames", 1) > 1:
        sys.stdout.write("animated")
        return
    exif = image.info.get("exif", b"")
    image.save(sys.stdout.buffer, "PNG", compress_level=1, exif=exif)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
