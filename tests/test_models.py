"""The rows: a transition happens once, and what cannot be is refused by the database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from styles.models import Event, Style
from styles.states import State
from teams.models import PikzelsKey, User

MakeStyle = Callable[..., Style]


class TestMove:
    def test_tells_whether_it_won_and_what_happened(
        self, make_style: MakeStyle, alice: User
    ) -> None:
        style = make_style()
        assert style.move(State.DROPPED, only_from=[State.DRAFT], who=alice, note="No")
        event = style.events.get()
        assert (event.what, event.from_state, event.to_state) == (
            Event.What.MOVED,
            State.DRAFT,
            State.DROPPED,
        )
        assert (event.who, event.note) == (alice, "No")

    def test_leaves_everything_as_it_is_from_another_state(self, make_style: MakeStyle) -> None:
        style = make_style(state=State.SENDING)
        assert not style.move(State.DRAFT, only_from=[State.QUEUED])
        assert (style.state, style.events.count()) == (State.SENDING, 0)

    def test_goes_by_the_row_and_not_by_what_was_read(self, make_style: MakeStyle) -> None:
        stale = make_style(state=State.QUEUED)
        Style.objects.update(state=State.SENDING)
        assert not stale.move(State.DRAFT, only_from=[State.QUEUED])

    @pytest.mark.django_db(transaction=True)
    def test_has_one_winner_of_many_at_the_same_time(
        self, make_style: MakeStyle, alice: User
    ) -> None:
        style = make_style(state=State.QUEUED)

        def drop(_number: int) -> bool:
            try:
                return Style.objects.get(pk=style.pk).drop(alice)
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(drop, range(8))) == [False] * 7 + [True]
        assert style.events.count() == 1


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize("state", [State.TRAINING, State.READY, State.GONE])
    def test_a_made_style_without_an_id(self, make_style: MakeStyle, state: State) -> None:
        style = make_style()
        with pytest.raises(IntegrityError, match="style_made_has_id"), transaction.atomic():
            Style.objects.filter(pk=style.pk).update(state=state)

    def test_an_id_on_a_style_that_was_not_made(self, make_style: MakeStyle) -> None:
        style = make_style()
        with pytest.raises(IntegrityError, match="style_made_has_id"), transaction.atomic():
            Style.objects.filter(pk=style.pk).update(pikzels_id="id-1")

    def test_a_state_that_is_none(self, make_style: MakeStyle) -> None:
        style = make_style()
        with pytest.raises(IntegrityError, match="style_state_known"), transaction.atomic():
            Style.objects.filter(pk=style.pk).update(state="lost")

    def test_two_open_attempts(self, make_style: MakeStyle, key: PikzelsKey) -> None:
        style = make_style()
        now = timezone.now()
        style.attempts.create(number=1, key=key, lease_until=now)
        with pytest.raises(IntegrityError), transaction.atomic():
            style.attempts.create(number=2, key=key, lease_until=now)

    def test_one_id_twice_under_one_key(self, make_style: MakeStyle, key: PikzelsKey) -> None:
        make_style("One", state=State.READY, key=key, pikzels_id="id-1")
        with pytest.raises(IntegrityError), transaction.atomic():
            make_style("Two", state=State.READY, key=key, pikzels_id="id-1")

    def test_a_fourth_picture(self, make_style: MakeStyle) -> None:
        image = make_style().images.get(position=3)
        image.pk, image.position = None, 4
        with pytest.raises(IntegrityError, match="image_position_1_to_3"), transaction.atomic():
            image.save()

    def test_two_people_with_one_address(self, alice: User) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create_user("ALICE@example.com")

    def test_a_held_key_without_a_reason(self, key: PikzelsKey) -> None:
        with pytest.raises(IntegrityError, match="key_held_with_reason"), transaction.atomic():
            PikzelsKey.objects.update(held_at=timezone.now())


class TestPictures:
    def test_a_variant_shares_the_files(self, make_style: MakeStyle, bob: User) -> None:
        style = make_style()
        draft = style.variant(bob)
        assert (draft.state, draft.creator, draft.name) == (State.DRAFT, bob, "")
        assert [image.file.name for image in draft.images.all()] == [
            image.file.name for image in style.images.all()
        ]
        assert draft.form_token != style.form_token

    def test_a_preview_is_made_once(self, make_style: MakeStyle) -> None:
        image = make_style().images.get(position=1)
        name = image.ensure_preview()
        assert image.preview.storage.exists(name)
        image.refresh_from_db()
        assert image.preview.name == name == image.ensure_preview()

    def test_files_are_for_their_owner_alone(self, make_style: MakeStyle) -> None:
        image = make_style().images.get(position=1)
        assert Path(image.file.path).stat().st_mode & 0o077 == 0


class TestPeople:
    @pytest.mark.parametrize(
        ("name", "initials"), [("Ana North", "AN"), ("Ben", "BE"), ("", "AL"), ("Ö", "Ö")]
    )
    def test_initials(self, alice: User, name: str, initials: str) -> None:
        alice.name = name
        assert alice.initials == initials
