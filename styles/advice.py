"""The reference check in words: what would make the style better, and how to mend it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from .images.check import Advice, Measures, advise, alike
from .models import ReferenceImage, Style
from .presentation import preview_of
from .wording import _ as _lazy

SEVERAL = {
    "small": (
        _lazy("Image %(which)s is small. 1280×720 or more is better."),
        _lazy("Images %(which)s are small. 1280×720 or more is better."),
    ),
    "blurred": (
        _lazy("Image %(which)s is blurred. A sharper one is better."),
        _lazy("Images %(which)s are blurred. Sharper ones are better."),
    ),
}
# Older styles than so many are not compared with.
NEWEST = 1000
STRIP = 9


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the check: how it is, and a button that mends it, where one can.

    `frame_url` is the picture that the button crops to 16:9, to be shown as it would become.
    """

    text: str
    tone: str = "waiting"
    do: str = ""
    label: str = ""
    frame_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What is said of the pictures that are there, and their colours side by side.

    A strip is a drawing's group: `y`, and `bars` of a colour with `x` and `width`, of 100 in all.
    """

    rows: list[Row] = field(default_factory=list)
    strips: list[dict[str, Any]] = field(default_factory=list)
    small_urls: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        return len(self.strips) * STRIP


def check(style: Style) -> Check:
    images = {image.position: image for image in style.images.all()}
    measures = _measured(images)
    if not measures:
        return Check()
    found = advise(measures)
    return Check(
        rows=[
            *_all_well(found, measures),
            *_of_several(found),
            *[_in_words(advice, style, images) for advice in found if advice.kind not in SEVERAL],
            *_used_before(style, measures),
        ],
        strips=[_strip(one, n * STRIP) for n, one in enumerate(measures.values())],
        small_urls=[preview_of(style, images[position]) for position in measures],
    )


def findings(style: Style) -> list[str]:
    """Return what is the matter with the pictures, by what was measured when they came.

    For lists: no file is read and no other style is asked for. `style.images` may be prefetched.
    """
    images = {image.position: image for image in style.images.all()}
    known = {n: each.measured() for n, each in images.items() if each.measures is not None}
    found = advise(known) if known else []
    rows = [_in_words(one, style, images) for one in found if one.kind not in SEVERAL]
    return [row.text for row in (*_of_several(found), *rows)]


def _measured(images: Mapping[int, ReferenceImage]) -> dict[int, Measures]:
    """Return the measures of the pictures that can be read; the sending asks for the others."""
    found = {}
    for position, image in sorted(images.items()):
        try:
            found[position] = image.measured()
        except (OSError, ValueError):
            continue
    return found


def _strip(measures: Measures, y: int) -> dict[str, Any]:
    bars, x = [], 0.0
    for colour, share in measures.palette:
        # As text, for a number would be written with a comma in some languages.
        bars.append({"colour": colour, "x": f"{x:.1f}", "width": f"{share * 100:.1f}"})
        x += share * 100
    return {"y": y, "bars": bars}


# Words


def _all_well(found: list[Advice], measures: Mapping[int, Measures]) -> list[Row]:
    """Say what is good, in as few lines as there are things to look at."""
    kinds = {advice.kind for advice in found}
    rows = []
    if not kinds & {"small", "blurred"}:
        rows.append(Row(tone="good", text=_("Large and sharp enough")))
    if not kinds & {"bars", "shape"}:
        rows.append(Row(tone="good", text=_("16:9, without black bars")))
    if len(measures) > 1 and "alike" not in kinds:
        rows.append(Row(tone="good", text=_("No two alike")))
    if len(measures) > 1 and "palette" not in kinds:
        rows.append(Row(tone="good", text=_("One palette")))
    return rows


def _of_several(found: list[Advice]) -> list[Row]:
    """Say in one line what is the matter with several pictures."""
    rows = []
    for kind, (one, several) in SEVERAL.items():
        which = [str(advice.position) for advice in found if advice.kind == kind]
        if which:
            text = one if len(which) == 1 else several
            rows.append(Row(text=text % {"which": get_text_list(which, _("and"))}))
    return rows


def _in_words(advice: Advice, style: Style, images: Mapping[int, ReferenceImage]) -> Row:
    image = images.get(advice.position or 0)
    n = advice.position
    match advice.kind:
        case "bars":
            text = _("Image %(n)d has black bars.") % {"n": n}
            return Row(text=text, do=f"crop {n}", label=_("Crop them"))
        case "shape" if image:
            text = _("Image %(n)d is not 16:9, as thumbnails are.") % {"n": n}
            frame = preview_of(style, image)
            return Row(text=text, do=f"frame {n}", label=_("Crop to 16:9"), frame_url=frame)
        case "alike":
            which = get_text_list([str(one) for one in (n, *advice.others)], _("and"))
            text = _("Images %(which)s are nearly the same. Different ones are better.")
            return Row(text=text % {"which": which})
    text = _("The colours of image %(n)d stand apart from the others’.")
    return Row(text=text % {"n": n})


def _used_before(style: Style, measures: Mapping[int, Measures]) -> list[Row]:
    """Say which pictures another of the team's newest styles has, or nearly."""
    newest = Style.objects.of(style.team).exclude(pk=style.pk).newest_first()[:NEWEST]
    known = ReferenceImage.objects.filter(style__in=newest.values("pk"), fingerprint__isnull=False)
    positions: dict[str, set[int]] = defaultdict(set)
    for name, fingerprint in known.values_list("style__name", "fingerprint"):
        for position, one in measures.items():
            if fingerprint is not None and alike(one.fingerprint, fingerprint):
                positions[name].add(position)
    return [_used_in(name, sorted(used)) for name, used in list(positions.items())[:3]]


def _used_in(name: str, positions: list[int]) -> Row:
    which = get_text_list([str(n) for n in positions], _("and"))
    values = {"which": which, "name": name or _("Untitled draft")}
    if len(positions) == 1:
        return Row(tone="info", text=_("Image %(which)s is in “%(name)s”, too.") % values)
    return Row(tone="info", text=_("Images %(which)s are in “%(name)s”, too.") % values)
