"""A style on its way from a form to an ID.

The row is the truth and the queue. A transition is one conditional UPDATE that repeats the old
state in its WHERE and says whether it won; its Event is written in the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from styles.images import Accepted
from styles.pikzels import rules
from styles.pikzels.errors import Verdict
from styles.states import AT_REST, EDITABLE, MADE, State
from teams.models import PikzelsKey, Team, User

from .history import Attempt, Event
from .image import ReferenceImage
from .indexes import INDEXES
from .notice import Notice
from .selection import StyleQuerySet


class Style(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="styles", verbose_name=_("team"))
    creator = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="styles", verbose_name=_("made by")
    )
    name = models.CharField(_("name"), max_length=rules.NAME_MAX, blank=True)
    state = models.CharField(_("state"), max_length=15, choices=State, default=State.DRAFT)
    # Why it is in its state: a code of the API's or an entry of ours in `explanations`.
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    # When the worker looks at the row again; NULL: nothing is due until somebody acts.
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    form_token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    pikzels_id = models.CharField(_("style ID"), max_length=200, blank=True)
    attached = models.BooleanField(_("brought in by its ID"), default=False)
    sandbox = models.BooleanField(_("made in the sandbox"), default=False)
    key = models.ForeignKey(
        PikzelsKey,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="styles",
        verbose_name=_("key"),
    )
    progress = models.PositiveSmallIntegerField(_("progress"), null=True, blank=True)
    portrait = models.FileField(_("portrait"), upload_to="portraits", blank=True)
    note = models.TextField(_("note"), blank=True)
    # As Pikzels had it when it was last known; how that came about is in `Instructions`.
    instructions = models.TextField(_("special instructions"), blank=True)
    rights_confirmed_at = models.DateTimeField(_("rights confirmed"), null=True, blank=True)
    claimed_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )
    # While it waits for a review: since when that reviewer has been looking at it.
    claimed_at = models.DateTimeField(_("taken up"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    edited_at = models.DateTimeField(_("edited"), default=timezone.now, editable=False)
    # Kept by `StyleQuerySet.update`: anybody who follows styles asks for what is newer than this.
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    made_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ready_at = models.DateTimeField(_("ready"), null=True, blank=True)
    missing_since = models.DateTimeField(_("not found since"), null=True, blank=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    objects = StyleQuerySet.as_manager()

    class Meta:
        verbose_name = _("style")
        verbose_name_plural = _("styles")
        permissions = [("review_style", _("Can decide whether a style is sent"))]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="style_state_known"),
            models.CheckConstraint(
                condition=(Q(state__in=MADE) & ~Q(pikzels_id=""))
                | (~Q(state__in=MADE) & Q(pikzels_id="")),
                name="style_made_has_id",
            ),
            models.UniqueConstraint(
                fields=["key", "pikzels_id"],
                condition=~Q(pikzels_id=""),
                name="style_id_once_per_key",
            ),
        ]
        indexes = INDEXES

    def __str__(self) -> str:
        return self.name or str(_("Untitled draft"))

    def get_absolute_url(self) -> str:
        return reverse("style", args=[self.pk])

    def address(self, page: str) -> str:
        """Return the address of one of its pages, by its name in `urls.py` without `style_`."""
        return reverse(f"style_{page}", args=[self.pk])

    def portrait_url(self) -> str:
        return self.address("portrait") if self.portrait else ""

    # What it is

    def filled(self) -> frozenset[int]:
        """Return the positions that have a picture."""
        return frozenset(self.images.values_list("position", flat=True))

    def links(self) -> frozenset[int]:
        """Return the positions whose pictures Pikzels is to fetch itself."""
        return frozenset(self.images.filter(file="").values_list("position", flat=True))

    def is_complete(self) -> bool:
        """Whether it can be sent: a name, and three pictures or three links."""
        all_or_none = len(self.links()) in {0, rules.IMAGE_COUNT}
        return bool(self.name) and len(self.filled()) == rules.IMAGE_COUNT and all_or_none

    def has(self, pictures: Mapping[int, str]) -> bool:
        """Whether the pictures at these positions have these checksums, "" for none."""
        mine = dict(self.images.values_list("position", "sha256"))
        return all(mine.get(position, "") == checksum for position, checksum in pictures.items())

    def has_doubt(self) -> bool:
        """Whether one of its tries may have made it, and none is known to have."""
        outcomes = set(self.attempts.values_list("outcome", flat=True))
        return Verdict.IN_DOUBT in outcomes and Verdict.MADE not in outcomes

    def may_exist(self) -> bool:
        """Whether Pikzels may have it although we have no ID, so that a person may bring that."""
        if self.state == State.DROPPED:
            return self.has_doubt()
        return self.state == State.IN_DOUBT

    @property
    def is_held(self) -> bool:
        return self.state == State.QUEUED and (self.key is None or self.key.is_held)

    @property
    def shown_state(self) -> str:
        return "held" if self.is_held else self.state

    @property
    def is_editable(self) -> bool:
        return self.state in EDITABLE

    @property
    def last_attempt(self) -> Attempt | None:
        return self.attempts.order_by("-number").first()

    # What happens to it

    def move(
        self,
        to: State,
        *,
        only_from: Iterable[str],
        who: User | None = None,
        note: str = "",
        attempt: Attempt | None = None,
        as_submitted: datetime | None = None,
        **fields: Any,
    ) -> bool:
        """Change the state if it is one of `only_from`; return whether that was so.

        The row in the database decides, not this instance, which is brought up to date when it
        won. The Event is written in the same transaction, and whom it concerns. What is on its
        way leaves the archive. With `as_submitted`, one that was submitted at another time is left
        alone: it has changed since it was looked at.
        """
        values = {"state": to, "due_at": None, "reason": "", **fields}
        if to not in AT_REST:
            values["archived_at"] = None
        with transaction.atomic():
            row = Style.objects.filter(pk=self.pk)
            row = row.filter(submitted_at=as_submitted) if as_submitted else row
            old = row.select_for_update().values_list("state", flat=True).first()
            if old is None or old not in only_from or not row.filter(state=old).update(**values):
                return False
            event = self.events.create(
                who=who,
                what=Event.What.MOVED,
                from_state=old,
                to_state=to,
                reason=values["reason"],
                note=note,
                attempt=attempt,
            )
            Notice.objects.for_event(event)
        for name, value in values.items():
            setattr(self, name, value)
        return True

    def submit(
        self, who: User, *, name: str = "", pictures: Mapping[int, str] | None = None
    ) -> bool:
        """Send it on its way: to review where the team wants that, else to the queue.

        Return whether it went; one that is not complete, or not to be edited, does not. Nor does
        one that has another name, or at one of these positions a picture of another checksum, ""
        for none: what is paid for is what a person saw.
        """
        now = timezone.now()
        with transaction.atomic():
            # Locked, so that no picture is taken out in another tab meanwhile.
            row = Style.objects.select_for_update().get(pk=self.pk)
            if not row.is_complete() or row.name != (name or row.name):
                return False
            if not row.has(pictures or {}):
                return False
            if self.team.review_required:
                return self.move(
                    State.IN_REVIEW,
                    only_from=EDITABLE,
                    who=who,
                    submitted_at=now,
                    claimed_by=None,
                    claimed_at=None,
                )
            return self.enqueue(only_from=EDITABLE, who=who, submitted_at=now)

    def enqueue(self, *, only_from: Iterable[str], who: User, **fields: Any) -> bool:
        """Put it into the queue, to be sent with the team's current key."""
        key = self.team.current_key()
        won = self.move(
            State.QUEUED,
            only_from=only_from,
            who=who,
            due_at=timezone.now() if key else None,
            reason="" if key else "no_key",
            key=key,
            sandbox=bool(key and key.is_sandbox),
            **fields,
        )
        if won and key is None and (key := self.team.current_key()):
            # One was put in at this very moment, too early for this row to be handed over.
            waiting = Style.objects.filter(pk=self.pk, state=State.QUEUED, key=None)
            waiting.update(key=key, due_at=timezone.now(), reason="", sandbox=key.is_sandbox)
        return won

    def approve(self, who: User, **reviewed: Any) -> bool:
        return self.enqueue(only_from=[State.IN_REVIEW], who=who, claimed_by=who, **reviewed)

    def ask_for_changes(self, who: User, note: str, **reviewed: Any) -> bool:
        """Give it back to its author, who sends it to review again when it is changed."""
        return self.move(
            State.DRAFT,
            only_from=[State.IN_REVIEW],
            who=who,
            note=note,
            reason="changes_wanted",
            claimed_by=who,
            **reviewed,
        )

    def decline(self, who: User, note: str, **reviewed: Any) -> bool:
        return self.move(
            State.DECLINED,
            only_from=[State.IN_REVIEW],
            who=who,
            note=note,
            claimed_by=who,
            **reviewed,
        )

    def reopen(self, who: User) -> bool:
        """Take it back for editing; one that was to be sent again goes back to its doubt."""
        if self.has_doubt():
            return self.move(
                State.IN_DOUBT, only_from=[State.QUEUED], who=who, reason="still_in_doubt"
            )
        return self.move(
            State.DRAFT,
            only_from=[State.QUEUED, State.IN_REVIEW, State.REFUSED, State.DECLINED],
            who=who,
        )

    def drop(self, who: User, note: str = "") -> bool:
        """Give it up. The row and its history stay."""
        return self.move(
            State.DROPPED,
            only_from=[
                State.DRAFT,
                State.QUEUED,
                State.IN_REVIEW,
                State.REFUSED,
                State.DECLINED,
                State.IN_DOUBT,
            ],
            who=who,
            note=note,
        )

    def send_again(self, who: User) -> bool:
        """Send one whose outcome is unknown once more, which a person has to want knowingly."""
        return self.enqueue(
            only_from=[State.IN_DOUBT], who=who, note=str(_("Sent again knowingly"))
        )

    def give_id(
        self, pikzels_id: str, *, only_from: Iterable[str], due_at: datetime, **fields: Any
    ) -> bool:
        """Note the ID that Pikzels gave it, before anything else is done with it."""
        return self.move(
            State.TRAINING,
            only_from=only_from,
            pikzels_id=pikzels_id,
            made_at=timezone.now(),
            due_at=due_at,
            progress=None,
            **fields,
        )

    # Its pictures

    def keep_picture(
        self,
        position: int,
        picture: Accepted,
        who: User,
        url: str = "",
        *,
        made_from: ReferenceImage | None = None,
    ) -> bool:
        """Put a judged picture into a slot, replacing what was there, while it can be edited.

        One that was made from another takes its place only, and not that of a third which came
        there meanwhile. Return whether it was put there.
        """
        rows = ReferenceImage.store({position: picture})
        rows[position]["source_url"] = url
        return self._fill(rows, who, made_from)

    def keep_pictures(
        self, pictures: Mapping[int, Accepted], who: User, urls: Mapping[int, str]
    ) -> None:
        """Put judged pictures into their slots at once; `urls` are those that came by a link."""
        rows = ReferenceImage.store(pictures)
        for position, url in urls.items():
            rows[position]["source_url"] = url
        self._fill(rows, who)

    def keep_link(self, position: int, url: str, label: str, who: User) -> bool:
        """Put a link into a slot, for Pikzels to fetch the picture, while it can be edited."""
        return self._fill({position: ReferenceImage.as_link(url, label)}, who)

    def _fill(
        self,
        rows: Mapping[int, dict[str, Any]],
        who: User,
        made_from: ReferenceImage | None = None,
    ) -> bool:
        with transaction.atomic():
            if not self._locked_for_editing():
                return False
            there = self.images.filter(position__in=rows)
            old = {image.position: image for image in there}
            if made_from and made_from.file.name not in {each.file.name for each in old.values()}:
                return False
            there.delete()
            self.images.bulk_create(
                ReferenceImage(style=self, position=position, **fields)
                for position, fields in rows.items()
            )
            for position in old if self.state != State.DRAFT else ():
                note = rows[position]["original_name"]
                self.events.create(who=who, what=Event.What.PICTURE, note=note)
            self.note_edit()
        for image in old.values():
            image.forget_file()
        return True

    def forget_lost_pictures(self) -> None:
        """Empty the slots whose files are gone or have changed, so that the form asks for them."""
        for image in self.images.all():
            if not image.is_intact():
                self.events.create(what=Event.What.PICTURE, note=image.original_name)
                image.delete()

    def remove_picture(self, position: int) -> None:
        with transaction.atomic():
            if not self._locked_for_editing():
                return
            old = self.images.filter(position=position).first()
            self.images.filter(position=position).delete()
            self.note_edit()
        if old:
            old.forget_file()

    def move_picture(self, position: int, to: int) -> None:
        """Put a picture into another slot; what is there comes into its place."""
        with transaction.atomic():
            if not self._locked_for_editing():
                return
            there = self.images.filter(position=to).first()
            if there:
                there.delete()
            self.images.filter(position=position).update(position=to)
            if there:
                there.pk, there.position = None, position
                there.save(force_insert=True)
            self.note_edit()

    def rename(self, name: str) -> None:
        Style.objects.filter(pk=self.pk, state__in=EDITABLE).update(
            name=name, edited_at=timezone.now()
        )
        self.name = name

    def confirm_rights(self) -> None:
        """Note that a person said that they may use the pictures."""
        self.rights_confirmed_at = timezone.now()
        Style.objects.filter(pk=self.pk).update(rights_confirmed_at=self.rights_confirmed_at)

    def note_edit(self) -> None:
        self.edited_at = timezone.now()
        Style.objects.filter(pk=self.pk).update(edited_at=self.edited_at)

    def _locked_for_editing(self) -> bool:
        editable = Style.objects.select_for_update().filter(pk=self.pk, state__in=EDITABLE)
        return editable.exists()

    def submitter(self) -> User | None:
        """Return who sent it to review last, which need not be who made it."""
        event = self.events.filter(to_state=State.IN_REVIEW).last()
        return event.who if event and event.who else self.creator

    def variant(self, who: User, name: str = "") -> Style:
        """Return a new draft with those of its pictures that are there, sharing their files."""
        with transaction.atomic():
            # Locked, so that no file is forgotten between reading its row and copying it.
            Style.objects.select_for_update().get(pk=self.pk)
            draft = Style.objects.create(team=self.team, creator=who, name=name)
            for image in self.images.filter(original_gone_at=None):
                image.pk, image.style = None, draft
                image.save(force_insert=True)
        return draft
