"""What the reference check measures of pictures that are labelled, and what it advises."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from styles.images import ImageProblem
from styles.images.check import (
    BLURRED_BELOW,
    Measures,
    advise,
    alike,
    cut,
    measure,
    middle_16_9,
    palettes_apart,
)
from styles.pikzels import rules

from .labelled import (
    DARK,
    FULL,
    HALF,
    as_jpeg,
    blurred,
    copy_of,
    look_of,
    portrait,
    thumbnail,
    tricks,
    with_bars,
)
from .pictures import decoded, encoded, far_apart, noise, photo

SERIES, EPISODES = 19, 8
FRAMED = [series for series in range(56) if look_of(series).ground not in DARK]
TRICK_ROUNDS, FOCUSED = 10, 30

Measuring = Callable[..., Measures]
Known = dict[tuple[int, int], Measures]


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measuring:
    """Measure the bytes of a picture, as they lie in a file."""
    file = tmp_path_factory.mktemp("measured") / "picture"

    def measured(data: bytes) -> Measures:
        file.write_bytes(data)
        return measure(file)

    return measured


@pytest.fixture(scope="session")
def originals() -> dict[tuple[int, int], Image.Image]:
    """152 different pictures, by series and episode."""
    both = product(range(SERIES), range(EPISODES))
    return {(series, episode): thumbnail(series, episode, HALF) for series, episode in both}


@pytest.fixture(scope="session")
def known(originals: dict[tuple[int, int], Image.Image], measured: Measuring) -> Known:
    return {at: measured(as_jpeg(image)) for at, image in originals.items()}


def whole(one: Measures) -> bool:
    return one.content == (0, 0, one.width, one.height)


def share(those: list[bool]) -> float:
    return sum(those) / len(those)


class TestNearDuplicates:
    def test_copies_are_found(self, originals, known, measured):
        found = []
        for at, image in originals.items():
            again = measured(copy_of(image, random.Random(f"copy of {at}")))
            found.append(alike(known[at].fingerprint, again.fingerprint))
        assert share(found) >= 0.95

    def test_different_pictures_are_told_apart(self, known):
        pairs = list(combinations(known.values(), 2))
        assert len(pairs) > 11_175
        assert share([alike(one.fingerprint, other.fingerprint) for one, other in pairs]) <= 0.01

    def test_so_are_most_of_one_series(self, known):
        pairs = [
            (known[one], known[other])
            for one, other in combinations(known, 2)
            if one[0] == other[0]
        ]
        assert share([alike(one.fingerprint, other.fingerprint) for one, other in pairs]) <= 0.05

    def test_bars_make_no_other_picture(self, originals, known, measured):
        framed = ImageOps.expand(originals[0, 0], (0, 50, 0, 50))
        assert alike(measured(as_jpeg(framed)).fingerprint, known[0, 0].fingerprint)

    def test_a_fingerprint_fits_a_bigint(self, known):
        fingerprints = {one.fingerprint for one in known.values()}
        assert 0 <= min(fingerprints) <= max(fingerprints) < 2**63
        assert len(fingerprints) > 150

    @pytest.mark.parametrize(("bits", "same"), [(0, True), (6, True), (7, False), (63, False)])
    def test_six_bits_may_differ(self, bits, same):
        assert alike(0b1011, 0b1011 ^ (2**bits - 1)) is same


class TestBars:
    def test_bars_are_found_where_they_are(self, measured):
        found = []
        for series in FRAMED:
            chance = random.Random(f"bars {series}")
            image, box = with_bars(thumbnail(series, 0, HALF), chance)
            content = measured(as_jpeg(image, chance.randint(40, 95))).content
            found.append(near(content, box, within=6))
        assert len(found) == 42
        assert share(found) >= 0.95

    def test_none_are_found_where_none_are(self, known, measured):
        right = [whole(one) for one in known.values()]
        for turn in range(TRICK_ROUNDS):
            chance = random.Random(f"tricks {turn}")
            for image in tricks(chance).values():
                right.append(whole(measured(as_jpeg(image, chance.randint(40, 95)))))
        assert share(right) >= 0.99

    @pytest.mark.parametrize("size", [(1280, 720), (2560, 1440), (901, 507), (720, 1280)])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_the_box_is_in_pixels_of_the_file(self, measured, size, kind):
        width, height = size
        image = Image.new("RGB", size)
        box = (0, height // 8, width, height - height // 8)
        image.paste(photo_of(width, box[3] - box[1]), box)
        content = measured(encoded(image, kind)).content
        assert near(content, box, within=max(size) * 0.01)
        assert content[1] >= box[1]
        assert content[3] <= box[3]
        assert (content[0], content[2]) == (0, width)

    @pytest.mark.parametrize(("part", "found"), [(0.01, False), (0.03, True), (0.44, True)])
    def test_a_bar_has_a_least_and_a_most(self, measured, part, found):
        assert whole(measured(as_jpeg(between_bars(part, part)))) is not found

    def test_more_than_nearly_half_is_never_taken(self, measured):
        assert whole(measured(as_jpeg(between_bars(0.48, 0.48))))

    @pytest.mark.parametrize("size", [(32, 32), (40, 36), (64, 16), (300, 33)])
    def test_a_line_on_black_is_measured(self, measured, size):
        image = Image.new("RGB", size)
        image.paste("#ffffff", (0, size[1] // 2 - 2, size[0], size[1] // 2 + 2))
        left, top, right, bottom = measured(encoded(image, "PNG")).content
        assert left < right
        assert top < bottom

    @pytest.mark.parametrize("bottom", [0, 0.04])
    def test_bars_come_in_pairs(self, measured, bottom):
        assert whole(measured(as_jpeg(between_bars(0.15, bottom))))

    def test_a_bar_may_have_a_speck(self, measured):
        image = between_bars(0.12, 0.12)
        image.paste("#ffffff", (100, 10, 102, 12))
        assert not whole(measured(as_jpeg(image)))

    def test_a_line_of_progress_is_content(self, measured):
        image = between_bars(0.12, 0.12)
        ImageDraw.Draw(image).rectangle((0, 350, 400, 356), fill="#ff0000")
        assert whole(measured(as_jpeg(image)))

    def test_grey_bars_are_content(self, measured):
        assert whole(measured(as_jpeg(between_bars(0.12, 0.12, "#505050"))))


class TestSharpness:
    def test_blurred_pictures_are(self, originals, measured):
        some = [originals[at] for at in sorted(originals)[:: len(originals) // FOCUSED]]
        chance = random.Random("blurred")
        flagged = [
            measured(
                as_jpeg(blurred(image, chance.uniform(4, 9)), chance.randint(40, 95))
            ).sharpness
            < BLURRED_BELOW
            for image in some
        ]
        assert len(flagged) >= FOCUSED
        assert share(flagged) >= 0.95

    def test_a_blur_of_four_pixels_is_enough(self, measured):
        for series in range(4):
            image = thumbnail(series, 1, FULL)
            assert measured(as_jpeg(image)).sharpness > BLURRED_BELOW
            assert measured(as_jpeg(blurred(image, 4))).sharpness < BLURRED_BELOW

    def test_sharp_pictures_are_not(self, known):
        assert share([one.sharpness < BLURRED_BELOW for one in known.values()]) <= 0.01

    def test_a_sharp_subject_is_enough(self, measured):
        flagged = [
            measured(as_jpeg(portrait(series, 0))).sharpness < BLURRED_BELOW
            for series in range(FOCUSED)
        ]
        assert share(flagged) <= 0.02

    def test_bars_do_not_make_it_sharp(self, originals, measured):
        image = ImageOps.expand(blurred(originals[0, 0], 8), (0, 50, 0, 50))
        assert measured(as_jpeg(image)).sharpness < BLURRED_BELOW


class TestPalettes:
    def test_the_largest_colour_comes_first(self, measured):
        image = Image.new("RGB", HALF, "#2060c0")
        image.paste("#ffd000", (0, 0, 160, 360))
        colours = measured(encoded(image, "PNG")).palette
        assert colours == (("#2060c0", 0.75), ("#ffd000", 0.25))

    def test_there_are_five_at_most_and_they_are_all(self, known):
        for one in known.values():
            assert 1 <= len(one.palette) <= 5
            assert sum(part for _, part in one.palette) == pytest.approx(1, abs=0.001)
            assert [part for _, part in one.palette] == sorted(
                (part for _, part in one.palette), reverse=True
            )

    def test_equal_ones_are_not_apart(self, known):
        assert palettes_apart([known[0, 0]] * 3).distance == 0

    def test_black_and_white_are_as_far_apart_as_can_be(self):
        black, white = values(palette=(("#000000", 1.0),)), values(palette=(("#ffffff", 1.0),))
        apart = palettes_apart([black, white, black])
        assert apart.distance == pytest.approx(1, abs=0.001)
        assert apart.farthest == 1

    def test_a_series_is_of_one_palette(self, known):
        for series in range(SERIES):
            three = {episode: known[series, episode] for episode in (1, 2, 3)}
            assert "palette" not in {advice.kind for advice in advise(three)}

    def test_a_stranger_among_them_stands_apart(self, known):
        right = []
        for one, other in combinations(range(SERIES), 2):
            three = [known[one, 1], known[other, 2], known[one, 3]]
            right.append(palettes_apart(three).farthest == 1)
        assert share(right) >= 0.9


class TestAdvice:
    def test_there_is_none_on_three_good_pictures(self):
        assert (
            advise({1: values(), 2: values(fingerprint=127), 3: values(fingerprint=127 << 7)}) == []
        )

    def test_there_is_none_on_no_picture(self):
        assert advise({}) == []

    @pytest.mark.parametrize("size", [(1279, 720), (1280, 719), (320, 180)])
    def test_less_than_recommended_is_small(self, size):
        (advice,) = advise({2: values(*size)})
        assert (advice.kind, advice.position, advice.width, advice.height) == ("small", 2, *size)

    def test_too_little_sharpness_is_blur(self):
        (advice,) = advise({1: values(sharpness=BLURRED_BELOW - 0.001)})
        assert advice.kind == "blurred"
        assert advise({1: values(sharpness=BLURRED_BELOW)}) == []

    def test_bars_are_proposed_to_be_cut(self):
        (advice,) = advise({3: values(1440, 1080, content=(0, 135, 1440, 945))})
        assert (advice.kind, advice.position, advice.box) == ("bars", 3, (0, 135, 1440, 945))

    @pytest.mark.parametrize(
        ("size", "is_16_9"),
        [((1920, 1080), True), ((1366, 768), True), ((1920, 1062), True), ((1920, 1101), True),
         ((1920, 1040), False), ((1920, 1200), False), ((1440, 1080), False),
         ((1080, 1920), False)],
    )  # fmt: skip
    def test_the_shape_may_differ_by_two_percent(self, size, is_16_9):
        kinds = {advice.kind for advice in advise({1: values(*size)})} - {"small"}
        assert kinds == (set() if is_16_9 else {"shape"})

    def test_the_shape_is_of_what_is_inside_the_bars(self):
        bars, shape = advise({1: values(1600, 900, content=(200, 0, 1400, 900))})
        assert (bars.kind, bars.box) == ("bars", (200, 0, 1400, 900))
        assert (shape.kind, shape.box) == ("shape", (200, 112, 1400, 787))

    def test_two_of_three_are_alike(self):
        three = {1: values(fingerprint=0), 2: values(fingerprint=127), 3: values(fingerprint=1)}
        (advice,) = advise(three)
        assert (advice.kind, advice.position, advice.others) == ("alike", 1, (3,))

    def test_three_alike_are_one_advice(self):
        (advice,) = advise({n: values() for n in (1, 2, 3)})
        assert (advice.kind, advice.position, advice.others) == ("alike", 1, (2, 3))

    def test_one_of_other_colours_stands_apart(self):
        red, blue = (("#c01010", 1.0),), (("#1010c0", 1.0),)
        three = {
            1: values(palette=red),
            2: values(palette=blue, fingerprint=127),
            3: values(palette=red, fingerprint=2**62 - 1),
        }
        (advice,) = advise(three)
        assert (advice.kind, advice.position, advice.others) == ("palette", 2, (1, 3))
        assert 0.5 < advice.distance <= 1

    @pytest.mark.parametrize(
        ("size", "box"),
        [
            ((1920, 1080), (0, 0, 1920, 1080)),
            ((1000, 1000), (0, 219, 1000, 781)),
            ((2000, 900), (200, 0, 1800, 900)),
            ((17, 400), (0, 195, 17, 205)),
        ],
    )
    def test_the_middle_is_the_largest_of_its_shape(self, size, box):
        assert middle_16_9(*size) == box


class TestMeasuring:
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
    def test_every_kind_of_png_is_measured(self, measured, mode):
        one = measured(encoded(photo_of(640, 360).convert(mode), "PNG"))
        assert (one.width, one.height) == (640, 360)
        assert one.palette

    def test_a_grey_jpeg_is_measured(self, measured):
        assert measured(encoded(photo_of(640, 360).convert("L"), "JPEG")).width == 640

    @pytest.mark.parametrize("size", [(16, 16), (16, 4000), (4000, 16), (17, 33)])
    def test_odd_sizes_are_measured(self, measured, size):
        one = measured(encoded(photo_of(*size), "PNG"))
        assert (one.width, one.height) == size

    def test_what_is_let_through_is_white(self, measured):
        image = Image.new("RGBA", HALF, (255, 0, 0, 0))
        assert measured(encoded(image, "PNG")).palette == (("#ffffff", 1.0),)

    def test_the_same_file_has_the_same_measures(self, measured):
        assert measured(photo(seed=3)) == measured(photo(seed=3))

    def test_a_record_goes_through_json(self, known):
        for one in list(known.values())[:10]:
            record = json.loads(json.dumps(one.as_record()))
            assert Measures.from_record(record) == one == Measures.from_record(one.as_record())

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("keep", [0, 1, 20, 40, 60, 1000])
    def test_a_damaged_file_is_an_error_of_value_or_file(self, measured, kind, keep):
        with pytest.raises((OSError, ValueError)):
            measured(photo(format=kind)[:keep])

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_so_is_one_with_other_bytes_in_it(self, measured, kind):
        data, chance = photo(320, 180, format=kind), random.Random(kind)
        for _ in range(30):
            broken = bytearray(data)
            broken[chance.randrange(400)] = chance.randrange(256)
            try:
                assert measured(bytes(broken)).width
            except (OSError, ValueError):
                continue

    def test_so_is_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            measure(tmp_path / "gone.jpg")


class TestCutting:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "cut"
        folder.mkdir()
        return folder

    def stored(self, tmp_path: Path, data: bytes) -> Path:
        path = tmp_path / "stored"
        path.write_bytes(data)
        return path

    def test_a_jpeg_is_cut_in_full_size(self, tmp_path, folder):
        source = photo()
        path = self.stored(tmp_path, source)
        picture = cut(path, (101, 53, 901, 503), name="party.jpg", directory=folder)
        assert (picture.width, picture.height) == (800, 450)
        assert (picture.media_type, picture.original_name) == ("image/jpeg", "party.jpg")
        expected = decoded(source).crop((101, 53, 901, 503))
        assert far_apart(decoded(picture.path.read_bytes()), expected) < 2
        assert path.read_bytes() == source

    def test_a_jpeg_is_encoded_once(self, tmp_path, folder):
        path = self.stored(tmp_path, photo())
        picture = cut(path, (0, 0, 640, 360), name="a.jpg", directory=folder)
        assert picture.note == ""
        expected = decoded(photo()).crop((0, 0, 640, 360))
        assert picture.path.read_bytes() == encoded(expected, "JPEG")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_its_colours_mean_what_they_meant(self, tmp_path, folder, kind, mode):
        profile = bytes(16) + {"L": b"GRAY", "RGB": b"RGB "}[mode] + bytes(108)
        source = encoded(photo_of(640, 360).convert(mode), kind, icc_profile=profile)
        picture = cut(self.stored(tmp_path, source), (0, 0, 320, 180), name="a", directory=folder)
        again = decoded(picture.path.read_bytes())
        assert (again.mode, again.info["icc_profile"]) == (mode, profile)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
    def test_a_png_loses_nothing(self, tmp_path, folder, mode):
        image = photo_of(640, 360).convert(mode)
        path = self.stored(tmp_path, encoded(image, "PNG"))
        picture = cut(path, (10, 20, 330, 200), name="a.png", directory=folder)
        again = decoded(picture.path.read_bytes()).convert("RGBA")
        assert picture.media_type == "image/png"
        assert again.tobytes() == image.crop((10, 20, 330, 200)).convert("RGBA").tobytes()

    def test_what_is_let_through_stays_so(self, tmp_path, folder):
        image = Image.new("P", HALF)
        image.putpalette([255, 0, 0, 0, 255, 0])
        path = self.stored(tmp_path, encoded(image, "PNG", transparency=0))
        picture = cut(path, (0, 0, 320, 180), name="a.png", directory=folder)
        assert decoded(picture.path.read_bytes()).convert("RGBA").getpixel((0, 0))[3] == 0

    def test_a_file_that_grows_is_brought_under_the_limit(self, tmp_path, folder):
        source = encoded(noise(2800, 1600), "JPEG", quality=80)
        assert len(source) < rules.IMAGE_MAX_BYTES
        path = self.stored(tmp_path, source)
        picture = cut(path, (0, 0, 2800, 1575), name="a.jpg", directory=folder)
        assert picture.size <= rules.IMAGE_MAX_BYTES
        assert (picture.width, picture.height, picture.note) == (2800, 1575, "")

    @pytest.mark.parametrize(
        "box",
        [(0, 0, 1281, 720), (0, 0, 1280, 721), (-1, 0, 9, 9), (0, -1, 9, 9), (5, 5, 5, 9),
         (5, 9, 9, 9)],
    )  # fmt: skip
    def test_a_box_has_to_be_within_the_picture(self, tmp_path, folder, box):
        with pytest.raises(ValueError, match="is not within 1280 × 720"):
            cut(self.stored(tmp_path, photo()), box, name="a.jpg", directory=folder)
        assert list(folder.iterdir()) == []

    def test_what_is_left_may_be_too_small(self, tmp_path, folder):
        with pytest.raises(ImageProblem) as caught:
            cut(self.stored(tmp_path, photo()), (0, 0, 15, 400), name="a.jpg", directory=folder)
        assert caught.value.code == "too_small"

    def test_a_damaged_file_is_an_error_of_value_or_file(self, tmp_path, folder):
        path = self.stored(tmp_path, photo()[:3000])
        with pytest.raises((OSError, ValueError)):
            cut(path, (0, 0, 640, 360), name="a.jpg", directory=folder)

    def test_bars_are_off_after_the_cut(self, tmp_path, folder):
        path = self.stored(tmp_path, as_jpeg(between_bars(0.12, 0.12)))
        found = measure(path)
        assert not whole(found)
        picture = cut(path, found.content, name="a.jpg", directory=folder)
        assert whole(measure(picture.path))


def near(box: tuple[int, ...], other: tuple[int, ...], *, within: float) -> bool:
    return all(abs(one - another) <= within for one, another in zip(box, other, strict=True))


def photo_of(width: int, height: int) -> Image.Image:
    """Return a sharp picture of any size."""
    return thumbnail(1, 0, HALF).resize((width, height), Image.Resampling.LANCZOS)


def between_bars(top: float, bottom: float, colour: str = "#000000") -> Image.Image:
    """Return a picture with bars of so much of its height."""
    width, height = HALF
    image = Image.new("RGB", HALF, colour)
    above, below = round(height * top), round(height * bottom)
    image.paste(photo_of(width, height - above - below), (0, above))
    return image


def values(width: int = 1280, height: int = 720, **others: object) -> Measures:
    """Return the measures of a picture that is as it should be."""
    one: dict[str, object] = {
        "sharpness": 1.0,
        "content": (0, 0, width, height),
        "fingerprint": 0,
        "palette": (("#808080", 1.0),),
    }
    return Measures(width=width, height=height, **{**one, **others})
