"""A team's library with a style in every state, for looking at every page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from PIL import Image, ImageColor, ImageDraw, ImageFont

from styles.images import accept
from styles.models import Event, Style
from styles.pikzels.errors import Code, Verdict
from styles.states import State
from teams.models import PikzelsKey, Team, User

ID = "18b2ad5e-2a9e-4d3f-b9a8-9f2a1e0b1{:03d}"
REQUEST = "7c1e0a52-55ab-4d0e-a1f3-0d2b8c4e9{:03d}"

BROKEN = Code.INVALID_IMAGE
# Name, words on the pictures, colours, state, reason, and how the last attempt ended.
SHELF = [
    ("Mars diary", "I LIVED/ON MARS/DAY 30", "#0b3d91 #ff6b35", State.READY, "", "made"),
    ("Money duels", "$1 VS/$1M CAR/GONE", "#10131f #e5383b", State.TRAINING, "", "made"),
    ("Kitchen calm", "NO SUGAR/30 DAYS/WOW", "#064e3b #34d399", State.READY, "", "made"),
    ("Mystery base", "SECRET/BASE/FOUND", "#3c096c #c77dff", State.IN_DOUBT, "no_answer", "doubt"),
    ("Off grid", "CABIN/OFF GRID/-40°", "#7c2d12 #fb923c", State.REFUSED, BROKEN, "refused"),
    ("Code speed", "CODE/FASTER/10 X", "#1e293b #38bdf8", State.QUEUED, "", ""),
    ("Deep blue", "DIVE/200 M/ALONE", "#023047 #8ecae6", State.SENDING, "", ""),
    ("Night market", "EAT/ALL/NIGHT", "#240046 #ff9e00", State.COMMITTED, "", ""),
    ("Tiny house", "TINY/HOUSE/BUILD", "#344e41 #dad7cd", State.IN_REVIEW, "", ""),
    ("Loud title", "LOUD/TITLE/HEY", "#6a040f #ffba08", State.DECLINED, "", ""),
    ("Old channel", "OLD/BUT/GOLD", "#3d405b #f2cc8f", State.TRAINING_FAILED, "", "made"),
    ("Lost tapes", "LOST/TAPES/1998", "#22223b #9a8c98", State.GONE, "", "made"),
    ("Never mind", "NEVER/MIND/THIS", "#495057 #adb5bd", State.DROPPED, "", ""),
    ("", "DRAFT/TWO", "#5f0f40 #fb8b24", State.DRAFT, "", ""),
]  # fmt: skip
MADE = {State.TRAINING, State.READY, State.TRAINING_FAILED, State.GONE}
SENT = {State.REFUSED, State.IN_DOUBT, State.COMMITTED, *MADE}


def thumbnail(path: Path, words: str, colours: str) -> Path:
    """Paint something like a video's thumbnail."""
    dark, bright = colours.split()
    image = Image.new("RGB", (1280, 720), dark)
    draw = ImageDraw.Draw(image)
    for n in range(7):
        x, y, radius = 480 + n * 120, 620 - (n * 211) % 480, 90 + (n * 67) % 170
        overlay = Image.blend(
            Image.new("RGB", (1, 1), dark), Image.new("RGB", (1, 1), bright), 0.25 + n / 12
        )
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=overlay.getpixel((0, 0))
        )
    font = ImageFont.load_default(size=170)
    draw.text((70, 480), words, font=font, fill="#ffe14d", stroke_width=10, stroke_fill="#111")
    image.save(path, quality=90)
    return path


def mixed(step: int, *colours: str) -> tuple[int, ...]:
    """Return a colour between two, nearer to the second with each step."""
    part = 0.25 + step / 12
    pairs = zip(*(ImageColor.getrgb(colour) for colour in colours), strict=True)
    return tuple(round(a + (b - a) * part) for a, b in pairs)


def furnish(team: Team, key: PikzelsKey, owner: User, folder: Path) -> dict[str, Style]:
    """Make one style in each state; return them by state."""
    made: dict[str, Style] = {}
    for number, (name, words, colours, state, reason, outcome) in enumerate(SHELF):
        style = Style.objects.create(team=team, creator=owner, name=name)
        for position, text in enumerate(words.split("/"), start=1):
            source = thumbnail(folder / f"{number}-{position}.jpg", text, colours)
            file_name = f"{text.lower().replace(' ', '-')}.jpg"
            picture = accept(source, name=file_name, directory=Path(settings.FILE_UPLOAD_TEMP_DIR))
            style.keep_picture(position, picture, owner)
        tell(style, number, key, state, reason, outcome)
        made.setdefault(state, style)
    return made


def tell(
    style: Style, number: int, key: PikzelsKey, state: State, reason: str, outcome: str
) -> None:
    """Give the style the history that leads to its state."""
    saved = timezone.now() - timedelta(minutes=11 * number + 4)
    sent = saved + timedelta(minutes=2)
    fields: dict[str, object] = {"state": state, "reason": reason, "key": key}
    fields |= {"created_at": saved, "submitted_at": None if state == State.DRAFT else saved}
    if state in MADE:
        fields |= {"pikzels_id": ID.format(number), "made_at": sent, "progress": 40}
        fields |= {"ready_at": sent + timedelta(minutes=3)} if state != State.TRAINING else {}
    Style.objects.filter(pk=style.pk).update(**fields)
    if state in SENT or state == State.SENDING:
        style.attempts.create(
            number=1,
            key=key,
            asked_by=style.creator,
            opened_at=saved + timedelta(minutes=1),
            lease_until=timezone.now() + timedelta(days=1),
            committed_at=sent if state in SENT else None,
            closed_at=sent if outcome else None,
            outcome=Verdict.IN_DOUBT if outcome == "doubt" else outcome,
            reason=reason,
            code=reason if reason in Code.__members__ else "",
            request_id=REQUEST.format(number) if outcome and reason != "no_answer" else "",
            http_status={"made": 200, "refused": 400}.get(outcome),
            answered_at=sent if outcome in {"made", "refused"} else None,
            bytes_total=4_100_000,
            bytes_sent=4_100_000,
        )
    if state != State.DRAFT:
        note = "The title is hard to read at phone size." if state == State.DECLINED else ""
        style.events.create(
            at=sent, who=style.creator, what=Event.What.MOVED, to_state=state, note=note
        )
    style.refresh_from_db()
