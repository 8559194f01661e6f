"""Takes the pictures of README.md from those of the browser tests: `make screenshots`."""

from pathlib import Path

from PIL import Image

TO = Path(__file__).with_name("screenshots")
FROM = TO.parents[1] / "var" / "pictures"
PICTURES = {
    "library": "library-desktop-light",
    "library-dark": "library-desktop-dark",
    "form": "form-refused-desktop-light",
    "style": "style-in_doubt-desktop-light",
    "review": "review-style-desktop-light",
}

if __name__ == "__main__":
    for name, source in PICTURES.items():
        with Image.open(FROM / f"{source}.png") as picture:
            # 256 colours are a third of the bytes. By this method yellow on a blue ground stays so.
            few = picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
            few.save(TO / f"{name}.png", optimize=True)
