"""The shared cache: limits of tries hold across hosts, also while the Redis is away or emptied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import caches
from django.test import Client

from pikzels_ui import redis_cache, scaled
from styles import doctor
from styles.doctor import shared
from teams.models import Team, User

from .own_redis import OwnRedis, needs_redis

pytestmark = [
    pytest.mark.django_db,
    needs_redis,
]
SIGN_IN = "/accounts/login/"


@pytest.fixture(autouse=True)
def redis(own_redis: OwnRedis, settings: LazySettings) -> Iterator[OwnRedis]:
    settings.REDIS_URL = own_redis.url
    settings.CACHES = scaled.caches(own_redis.url)
    redis_cache.RedisOrDatabase._passed_over_until = 0.0
    yield own_redis
    redis_cache.RedisOrDatabase._passed_over_until = 0.0


def is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the few seconds in which it was passed over."""
    monkeypatch.setattr(redis_cache.RedisOrDatabase, "_passed_over_until", 0.0)


class TestCache:
    @pytest.mark.parametrize("value", [1, 0, True, "y", [1.5, 2.5], None, {"a": "ä"}])
    def test_gives_back_what_was_put_there(self, value: Any) -> None:
        cache = caches["default"]
        cache.set("it", value, 60)
        found = cache.get("it", "none")
        assert (found, type(found)) == (value, type(value))

    def test_is_in_the_redis_and_not_in_the_database(self, redis: OwnRedis) -> None:
        caches["default"].set("it", "y", 60)
        assert caches["database"].get("it") is None
        (key,) = redis.client.scan_iter()
        assert key == b"pikzels-ui:1:it"
        assert redis.client.get(key) == b'"y"'

    def test_adds_once_and_counts(self) -> None:
        cache = caches["default"]
        assert [cache.add("lock", True, 60), cache.add("lock", True, 60)] == [True, False]
        cache.set("n", 1)
        assert (cache.incr("n"), cache.decr("n")) == (2, 1)
        with pytest.raises(ValueError, match="not found"):
            cache.incr("none")

    def test_does_all_that_a_cache_does_while_the_redis_is_away(self, redis: OwnRedis) -> None:
        redis.stop()
        cache = caches["default"]
        assert cache.add("one", True, 60)
        assert not cache.add("one", True, 60)
        assert cache.set_many({"two": 2, "three": 3}, 60) == []
        assert cache.get_many(["two", "three", "four"]) == {"two": 2, "three": 3}
        assert "two" in cache
        assert cache.incr("two") == 3
        assert cache.touch("two", 60)
        assert cache.delete("two")
        cache.delete_many(["three"])
        assert caches["database"].get("one") is True
        cache.clear()
        assert cache.get("one") is None

    def test_is_tried_again_after_a_few_seconds(
        self, redis: OwnRedis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis.stop()
        for _ in range(3):
            caches["default"].set("it", "in the database", 60)
        assert caplog.text.count("the database counts") == 1
        redis.start()
        caches["default"].set("it", "in the database still", 60)
        assert redis.client.dbsize() == 0
        is_tried_again(monkeypatch)
        caches["default"].set("it", "in the redis", 60)
        assert redis.client.dbsize() == 1

    def test_what_somebody_else_put_there_is_not_run(self, redis: OwnRedis) -> None:
        redis.client.set("pikzels-ui:1:it", b"cos\nsystem\n(S'true'\ntR.")
        with pytest.raises(ValueError, match="Expecting value"):
            caches["default"].get("it")


class TestLimits:
    """Nobody may try passwords as often as they like, and nobody is locked out for good."""

    def tries(self, client: Client, number: int) -> list[int]:
        wrong = {"login": "alice@example.com", "password": "not this one"}
        return [client.post(SIGN_IN, wrong).status_code for _ in range(number)]

    def most(self, client: Client) -> int:
        statuses = self.tries(client, 30)
        assert 500 not in statuses
        return statuses.index(429)

    def test_hold_in_the_redis(self, client: Client, alice: User) -> None:
        assert self.most(client) > 1

    def test_hold_in_the_database_while_it_is_away(
        self, client: Client, alice: User, redis: OwnRedis
    ) -> None:
        first = self.most(client)
        redis.stop()
        assert self.most(client) <= first
        assert self.tries(client, 2) == [429, 429]

    def test_a_redis_that_was_emptied_gives_as_many_tries_once_more_and_no_errors(
        self, client: Client, alice: User, redis: OwnRedis
    ) -> None:
        first = self.most(client)
        redis.client.flushall()
        assert self.most(client) == first

    def test_people_sign_in_while_it_is_away(
        self, client: Client, alice: User, redis: OwnRedis
    ) -> None:
        redis.stop()
        right = {"login": alice.email, "password": "a light table for slides"}
        assert client.post(SIGN_IN, right).status_code == 302
        assert client.get("/").status_code == 200


class TestDoctor:
    def found(self) -> list[tuple[str, str]]:
        looks = doctor.run([doctor.Check("redis", shared.redis)])
        return [(each.level, each.says) for each in looks]

    def test_says_nothing_where_there_is_none(self, settings: LazySettings) -> None:
        settings.REDIS_URL = ""
        assert self.found() == []

    def test_finds_one_that_answers(self) -> None:
        assert self.found() == [("ok", "The Redis answers.")]

    def test_one_that_is_away_is_worth_a_look_for_the_database_counts(
        self, redis: OwnRedis, client: Client, team: Team
    ) -> None:
        redis.stop()
        ((level, says),) = self.found()
        assert level == "look"
        assert "the database counts tries in its stead" in says

    def test_without_it_nothing_is_sent_where_work_is_handed_out_by_it(
        self, redis: OwnRedis, settings: LazySettings
    ) -> None:
        settings.EXECUTOR = scaled.REDIS
        redis.stop()
        ((level, says),) = self.found()
        assert level == "wrong"
        assert "nothing is sent" in says

    def test_says_that_nobody_does_what_waits(self, settings: LazySettings) -> None:
        settings.EXECUTOR = scaled.REDIS
        says = "Nobody does what waits in the Redis for senders and followers and tellers."
        assert self.found() == [("wrong", says)]
