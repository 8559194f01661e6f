"""What is around the server: the mail server, the proxy, the worker, the clock."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection
from django.utils import timezone

from styles.models import WorkerSign
from teams.models import PikzelsKey

from .findings import Findings, look, number_of, ok, skipped, wrong
from .visit import SEEN_BY_DOCTOR, pass_for_doctor

PATIENCE = 10
SLOW_CLOCK, WRONG_CLOCK = timedelta(seconds=5), timedelta(seconds=60)


def worker() -> Findings:
    sign = WorkerSign.latest()
    do = "Start manage.py work (manage.py run does), and read its last words in the log."
    if sign is None:
        yield wrong("No worker has ever been here: nothing is sent.", do)
    elif not sign.is_alive:
        since = f"{sign.seen_at:%d %B %H:%M} UTC"
        yield wrong(f"No worker is here since {since} ({sign.place}): nothing is sent.", do)
    else:
        yield ok(f"A worker is here ({sign.place}).")


def mail(to: str = "") -> Findings:
    """Connect to the mail server, and with `to` send a mail."""
    if not settings.MAIL_SERVER:
        yield look(
            "There is no mail server: mails are kept for the superuser, under Team.",
            "Set EMAIL_URL, so that invitations, new passwords and notices arrive.",
        )
        return
    host = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        mails = get_connection()
        mails.open()
        if to:
            _test_mail(to, mails).send()
        mails.close()
    except (OSError, smtplib.SMTPException) as error:
        yield wrong(f"The mail server {host} does not take mails: {_word_of(error)}.", MAIL_DO)
        return
    yield ok(f"The mail server {host} takes mails." + (f" One went to {to}." if to else ""))


MAIL_DO = (
    "Look at user, password, port and smtp+tls:// or smtp+ssl:// in EMAIL_URL, and whether this "
    "server may connect to that port."
)


def _word_of(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "it turns user and password away"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "it turns the address away"
    return getattr(error, "strerror", "") or type(error).__name__


def _test_mail(to: str, mails: Any) -> EmailMessage:
    body = f"manage.py doctor sent this from {settings.PUBLIC_URL}. Mails arrive."
    return EmailMessage("Pikzels UI: mails arrive", body, to=[to], connection=mails)


# The proxy


def proxy() -> Findings:
    """Ask the server, by the address that people use, how that request arrived."""
    url = f"{settings.PUBLIC_URL}/readyz"
    try:
        answer = _visit(url)
    except requests.exceptions.SSLError:
        yield wrong(f"The certificate of {settings.PUBLIC_URL} is not trusted.", CERTIFICATE_DO)
        return
    except requests.RequestException:
        yield look(
            f"Nobody answers at {settings.PUBLIC_URL}.",
            "Nothing, if the server is stopped just now. Else look at PUBLIC_URL, the proxy, and "
            "whether this machine may use its own public address.",
        )
        return
    seen = _seen(answer)
    if seen is None:
        yield wrong(
            f"{settings.PUBLIC_URL} is answered by something else (status {answer.status_code}).",
            f"Have the proxy pass everything on to {settings.BIND}:{settings.PORT}, with the Host "
            "that was asked for.",
        )
        return
    yield from arrived(seen)


CERTIFICATE_DO = "Renew it, and have the proxy send the whole chain."


def _visit(url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {pass_for_doctor()}"}
        return session.get(url, headers=headers, timeout=PATIENCE, allow_redirects=False)


def _seen(answer: requests.Response) -> dict[str, Any] | None:
    try:
        return answer.json()[SEEN_BY_DOCTOR]
    except (ValueError, KeyError, TypeError):
        return None


def arrived(seen: dict[str, Any]) -> Findings:
    """Judge how a request of the doctor's arrived: its scheme, its host, the proxies it passed."""
    public = urlsplit(settings.PUBLIC_URL)
    problems = [*_scheme(seen["scheme"], public.scheme), *_hops(seen["proxies"])]
    if seen["host"] != public.netloc:
        says = f"The server is asked for {seen['host']}, and PUBLIC_URL says {public.netloc}."
        problems.append(wrong(says, "Have the proxy pass on the Host that was asked for."))
    yield from problems or [ok(f"Requests to {settings.PUBLIC_URL} arrive as they should.")]


def _scheme(seen: str, public: str) -> Findings:
    if seen != public:
        yield wrong(
            f"A request by {public} arrives as {seen}.",
            "Have the proxy set X-Forwarded-Proto; one on another host needs FORWARDED_ALLOW_IPS.",
        )


def _hops(seen: int) -> Findings:
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    if seen < trusted:
        yield wrong(
            f"A request passes {number_of(seen, 'proxy', 'proxies')} that add to X-Forwarded-For, "
            f"and TRUSTED_PROXIES is {trusted}: anybody could choose their address.",
            f"Have the proxy set X-Forwarded-For, or set TRUSTED_PROXIES={seen}.",
        )
    elif seen > trusted:
        yield wrong(
            f"A request passes {number_of(seen, 'proxy', 'proxies')}, and TRUSTED_PROXIES is "
            f"{trusted}: everybody shares one limit of tries.",
            f"Set TRUSTED_PROXIES={seen}.",
        )


# The clock


def clock_of_database() -> Findings:
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    yield from _apart(timezone.now() - there, "the database's")


def clock() -> Findings:
    """Hold this machine's clock against the Date of Pikzels' answers, without a key."""
    if not PikzelsKey.objects.in_use().exclude(kind=PikzelsKey.Kind.SANDBOX).exists():
        yield skipped(
            "The clock is not compared: there is no Pikzels key, so Pikzels is not asked."
        )
        return
    there = _date_at(settings.PIKZELS_BASE_URL)
    if there is None:
        yield look("Pikzels does not say what time it is.", "Look at the clock yourself: date -u.")
        return
    # Its seconds are whole ones.
    yield from _apart(datetime.now(UTC).replace(microsecond=0) - there, "Pikzels'")


def _date_at(url: str) -> datetime | None:
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.head(url, timeout=PATIENCE, allow_redirects=False)
        return parsedate_to_datetime(answer.headers["Date"])
    except (requests.RequestException, KeyError, ValueError):
        return None


def _apart(apart: timedelta, whose: str) -> Findings:
    seconds = abs(apart.total_seconds())
    says = f"This machine's clock and {whose} are {seconds:.0f} seconds apart."
    do = "Have the clock set by itself: timedatectl set-ntp true."
    if abs(apart) >= WRONG_CLOCK:
        yield wrong(says, do)
    elif abs(apart) >= SLOW_CLOCK:
        yield look(says, do)
    else:
        yield ok(f"This machine's clock agrees with {whose}.")
