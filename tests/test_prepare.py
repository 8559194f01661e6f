"""Hosts that start at the same moment bring one database up to date after each other."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from styles.management.commands.prepare import one_at_a_time

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_at_once() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite is for one machine, where manage.py run prepares once")
    order: list[str] = []

    def other() -> None:
        with one_at_a_time():
            order.append("other")
        connections.close_all()

    with one_at_a_time():
        thread = threading.Thread(target=other)
        thread.start()
        with connection.cursor() as cursor:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            cursor.execute(waiting)
            while not cursor.fetchone()[0]:
                assert thread.is_alive()
                cursor.execute(waiting)
        order.append("one")
    thread.join()
    assert order == ["one", "other"]
