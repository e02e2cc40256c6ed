"""The business clock: several processes share it, it never goes back, and only a test may move it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from posada.cluster.clock import ClusterClock
from services.availability.settings import Settings as AvailabilitySettings
from services.conversations.settings import Settings as ConversationsSettings
from services.notifications.settings import Settings as NotificationsSettings
from services.payments.settings import Settings as PaymentsSettings
from shared.clock import OffsetClock, system_clock
from shared.settings import ServiceSettings
from tests.support.paths import ROOT

DAY = timedelta(days=1)
SOON = timedelta(seconds=30)
# These files read real time, whatever the business clock says: docs/decisions/0039.
REAL_TIME = {
    "shared/clock.py",
    "shared/settings.py",  # where no file is set
    "shared/consumer/subscriber.py",  # progress of the process
    "shared/gauges.py",  # when the gauges were read
    "shared/messages/message.py",  # what came in without a time
    "shared/providers/http.py",  # a provider's Retry-After
    "services/notifications/providers/callbacks.py",  # dated addresses, and how old they may be
    "services/notifications/providers/smtp/sender.py",  # the date of an e-mail
    "services/notifications/providers/twilio/sender.py",  # what Twilio has since yesterday
    "services/notifications/reports/api.py",  # reports and how old they may be
    "services/payments/app.py",  # the age of a file
}
# These have it as a default for tests alone: whoever constructs them in a service hands the service's clock in.
DEFAULTS = {
    "shared/consumer/processor.py",
    "shared/jobs/runner.py",
    "shared/outbox/publisher.py",
    "shared/service.py",
    "services/availability/external/adapters/breaker.py",
    "services/availability/external/clients.py",
    "services/availability/external/jobs.py",
    "services/availability/external/store.py",
    "services/conversations/replies/jobs.py",
    "services/notifications/delivery/jobs.py",
    "services/notifications/delivery/rate_monitor.py",
}
NOW = re.compile(r"datetime\.now\(|time\.time\(|utcnow|\bsystem_clock\b|\bdate\.today\(")


def ahead(clock: Any) -> timedelta:
    """How far a clock is ahead of real time, to the second."""
    return timedelta(seconds=round((clock() - datetime.now(UTC)).total_seconds()))


def test_clocks_that_share_a_file_are_moved_together(tmp_path: Path) -> None:
    cluster = ClusterClock(tmp_path)
    services = [OffsetClock(cluster.file) for _ in range(5)]
    assert {ahead(one) for one in services} == {timedelta(0)}
    cluster.forward(DAY)
    cluster.forward(DAY)
    assert {ahead(one) for one in [cluster, *services]} == {2 * DAY}
    assert ahead(OffsetClock(cluster.file)) == 2 * DAY, "one that starts later goes on from there"
    assert ahead(ClusterClock(tmp_path)) == 2 * DAY


def test_a_clock_is_moved_to_a_moment(tmp_path: Path) -> None:
    clock = ClusterClock(tmp_path)
    moment = system_clock() + 3 * DAY
    assert timedelta(0) <= clock.forward_to(moment) - moment < SOON


def test_time_does_not_go_back(tmp_path: Path) -> None:
    clock = ClusterClock(tmp_path)
    reader = OffsetClock(clock.file)
    clock.forward(DAY)
    for back in (lambda: clock.forward(-SOON), lambda: clock.forward_to(system_clock())):
        with pytest.raises(ValueError, match="time does not go back"):
            back()
    assert ahead(reader) == DAY
    clock.file.write_text("60")
    assert ahead(reader) == DAY, "also where somebody else writes the file"
    clock.file.unlink()
    assert ahead(reader) == DAY


def settings(file: Path, kind: type[ServiceSettings] = ServiceSettings, **more: Any) -> ServiceSettings:
    """Settings of a test on this machine."""
    return kind(**{"clock_file": file, "testing": True, **more})


def test_without_a_file_it_is_real_time(tmp_path: Path) -> None:
    assert ServiceSettings().clock() is system_clock
    file = ClusterClock(tmp_path).file
    assert ahead(settings(file).clock()) == timedelta(0)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"testing": False}, "nobody says that this is a test: unset it, or set POSADA_TESTING=true"),
        ({"http_host": "0.0.0.0", "api_token": "x" * 32}, "lets other machines in"),  # noqa: S104
        ({"kafka_bootstrap": "localhost:9092,kafka.example:9092"}, "POSADA_KAFKA_BOOTSTRAP=.* is on another machine"),
        ({"database_url": "postgresql://me:secret@db.example/posada"}, "POSADA_DATABASE_URL leads to another machine"),
        ({"database_url": "postgresql:///posada?host=db.example"}, "POSADA_DATABASE_URL leads to another machine"),
        ({"clock_file": Path("/nowhere/clock")}, "No such file"),
    ],
)
def test_elsewhere_it_is_refused(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        settings(ClusterClock(tmp_path).file, **more).clock()
    assert "POSADA_CLOCK_FILE" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_everybody_may_write_is_refused(tmp_path: Path) -> None:
    file = ClusterClock(tmp_path).file
    tmp_path.chmod(0o777)
    with pytest.raises(ValueError, match="can be written by everybody"):
        settings(file).clock()


REAL_PROVIDERS: list[tuple[type[ServiceSettings], dict[str, Any], dict[str, Any]]] = [
    (PaymentsSettings, {"stripe_key": "k", "stripe_webhook_secret": "w"}, {"stripe_url": "http://127.0.0.1:1"}),
    (PaymentsSettings, {"feed_url": "https://bank.example"}, {"feed_url": "http://127.0.0.1:1"}),
    (AvailabilitySettings, {"outside_tokens": {"las-hojas": "t"}}, {"outside_tokens": {}}),
    (ConversationsSettings, {"twilio_token": "t"}, {"twilio_conversations_url": "http://localhost:1"}),
    (ConversationsSettings, {"manychat_token": "t"}, {"manychat_url": "http://localhost:1"}),
    (NotificationsSettings, {"smtp_host": "mail.example", "smtp_from": "a@b.example"}, {"smtp_host": "127.0.0.1"}),
    (NotificationsSettings, {"manychat_token": "t"}, {"manychat_url": "http://[::1]:1"}),
    (NotificationsSettings, {"twilio_account": "A", "twilio_token": "t"}, {"twilio_url": "http://127.0.0.1:1"}),
]


@pytest.mark.parametrize(("kind", "real", "double"), REAL_PROVIDERS)
def test_real_providers_are_not_called_at_another_time(
    tmp_path: Path, kind: type[ServiceSettings], real: dict[str, Any], double: dict[str, Any]
) -> None:
    file = ClusterClock(tmp_path).file
    with pytest.raises(ValueError, match=r"which is real|that are real"):
        settings(file, kind, **real).clock()
    local = {"outbound_allowed": ["127.0.0.0/8", "::1", "localhost"]}
    settings(file, kind, **{**real, **double, **local}).clock()


def test_every_use_of_real_time_is_known() -> None:
    found = {
        str(file.relative_to(ROOT))
        for folder in ("shared", "services")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if NOW.search(file.read_text(encoding="utf-8"))
    }
    assert found == REAL_TIME | DEFAULTS
