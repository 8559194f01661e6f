"""Black bars around a picture: letterbox, pillarbox or both."""

from PIL import Image, ImageChops

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, as Pillow has it

NEAR_BLACK = 40  # of 255: a bar is no brighter
NOISE = 14  # what JPEG leaves in a bar, above its level
DARK_SHARE = 0.01  # so much of a bar's line may be brighter still
STEP = 18  # so much brighter than the bar is what lies beside it …
STEP_SHARE = 0.65  # … along so much of the edge
SMEARED = 16  # lines over which JPEG may smear an edge
FLAT = 4  # so far from its level may a bar be there: a gradient is farther
LEAST, MOST = 0.02, 0.45  # of the side, for each bar
UNEVEN = 2  # the thicker of two bars is at most so many times the other


def inside_bars(image: Image.Image) -> Box:
    """Return the box inside the bars of a picture of mode RGB; the whole where there are none.

    Bars come in pairs, are near black throughout, and end in a straight edge. So a bar with text
    on it is content, and neither a night sky nor a subject on black has bars.
    """
    red, green, blue = image.split()
    # The brightest channel: dark blue next to black is an edge, too.
    bright = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    turned = bright.transpose(Image.Transpose.TRANSPOSE)
    rows, columns = _dark_runs(bright), _dark_runs(turned)
    # With bars all around, each edge is no longer than the picture between the other two.
    across, down = _pair(_middle(bright, columns), rows), _pair(_middle(turned, rows), columns)
    if not (any(across) and any(down)):
        across, down = _pair(bright, rows), _pair(turned, columns)
    return (down[0], across[0], image.width - down[1], image.height - across[1])


def _middle(bright: Image.Image, runs: tuple[int, int]) -> Image.Image:
    return bright.crop((runs[0], 0, bright.width - runs[1], bright.height))


def _dark_runs(bright: Image.Image) -> tuple[int, int]:
    """Return how many lines at the top and at the bottom are near black; none if all are."""
    top, bottom = _dark_run(bright), _dark_run(_upside_down(bright))
    return (top, bottom) if top + bottom < bright.height else (0, 0)


def _dark_run(bright: Image.Image) -> int:
    level = _level(bright, 0)
    if level > NEAR_BLACK:
        return 0
    shares = _shares_above(bright, level + NOISE)
    return next((n for n, share in enumerate(shares) if share > DARK_SHARE), len(shares))


def _pair(bright: Image.Image, runs: tuple[int, int]) -> tuple[int, int]:
    """Return how many lines to take off at the top and at the bottom."""
    bars = _bar(bright, runs[0]), _bar(_upside_down(bright), runs[1])
    return bars if 0 < max(bars) <= UNEVEN * min(bars) else (0, 0)


def _bar(bright: Image.Image, run: int) -> int:
    """Return how many lines the bar at the top has, of which `run` are dark, or 0 for no bar."""
    if run < LEAST * bright.height:
        return 0
    level = _level(bright, 0)
    shares = _shares_above(bright, level + STEP)
    end = min(run + SMEARED, int(MOST * bright.height))
    edge = next((n for n in range(run, end) if shares[n] >= STEP_SHARE), 0)
    if not edge or _level(bright, max(0, edge - SMEARED)) > level + FLAT:
        return 0
    # The edge itself is partly bar, and it may be a line farther in.
    return edge + 2


def _upside_down(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def _level(bright: Image.Image, line: int) -> float:
    """Return the mean of a line."""
    levels = bright.crop((0, line, bright.width, line + 1)).tobytes()
    return sum(levels) / len(levels)


def _shares_above(bright: Image.Image, level: float) -> list[float]:
    """Return of each line which share of it is brighter than `level`."""
    above = bright.point([255 * (n > level) for n in range(256)])
    return [
        share / 255 for share in above.resize((1, above.height), Image.Resampling.BOX).tobytes()
    ]
