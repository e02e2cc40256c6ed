"""Each invariant broken by hand in a real database: the auditor names it, and who it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from posada.audit.auditor import Auditor
from posada.audit.database_snapshots import snapshots
from posada.audit.finding import Finding
from posada.audit.invariant import ALL, REPAIR
from posada.audit.repair import releases
from posada.audit.topic_snapshot import TopicSnapshot
from shared.contracts.topics import SERVICES
from shared.outbox.dead_letter_topic import DeadLetter
from tests.support.audit.breaking import Break
from tests.support.audit.day_fixture import (
    CROWD,
    EARLY,
    FIRST,
    HERE,
    MOVED,
    SHORT,
    UNPAID,
    House,
    Shelf,
    live_a_day,
    spoiled,
)
from tests.support.audit.violations import BREAKS
from tests.support.servers.databases import Databases, FreshDatabase, apart_async

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def house(module_database: FreshDatabase) -> House:
    """A day that was lived, with nobody connected any more."""
    urls = {service: module_database(service) for service in SERVICES}
    return apart_async(lambda _: live_a_day(urls), "")


async def look(house: House, books: TopicSnapshot | None = None) -> list[Finding]:
    """One look at the house."""
    return list((await Auditor(house.urls, Shelf(books or house.books())).look()).findings)


async def test_a_clean_day_has_no_findings(house: House) -> None:
    report = await Auditor(house.urls, Shelf(house.books())).audit(grace_s=0, settle_s=0)

    assert report.findings == ()
    assert (report.bookings, report.looks, report.passed_over) == (10, 1, 0)


async def test_the_day_has_what_it_is_to_have(house: House) -> None:
    async with snapshots(house.urls) as seen:
        moved, here, early = [await seen.snapshot(house.ids[name]) for name in (MOVED, HERE, EARLY)]
    assert moved.booking
    assert moved.booking["revision"] == 2
    told = [row["occasion"].partition(":")[0] for row in here.deliveries if row["channel"] == "email"]
    assert (told.count("check_in"), told.count("check_out")) == (2, 2)
    assert (early.status, early.verdict, early.held_as) == ("CANCELLED", "refused", "released")


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.invariant)
async def test_what_is_broken_is_named(house: House, databases: Databases, broken: Break) -> None:
    ids = {name: str(one) for name, one in house.ids.items()}
    with spoiled(house, databases, broken.service) as copy:
        connection = await asyncpg.connect(copy.urls[broken.service])
        await connection.execute(broken.sql.format(**ids))
        await connection.close()
        found = await look(copy)
        async with snapshots(copy.urls) as seen:
            to_mend = [await seen.snapshot(UUID(finding.subject)) for finding in found if finding.remedy == REPAIR]

    assert all(releases(snapshot, even_promised=True) for snapshot in to_mend), (
        "told to mend, and nothing would be sent"
    )
    named = [finding for finding in found if finding.invariant == broken.invariant]
    assert named, f"not seen; found instead: {found}"
    assert not broken.about or ids[broken.about] in {finding.subject for finding in named}, named
    assert all(finding.what and finding.remedy.startswith("posada ") for finding in named)
    assert not any("Ana" in finding.what or "5037" in finding.what + finding.subject for finding in found)


async def test_a_second_outcome_is_named(house: House) -> None:
    books = house.books()
    first, crowd, stranger = house.ids[FIRST], house.ids[CROWD], uuid4()
    told = {**books.announced, first: ["confirmed", "refused"], crowd: ["failed"], stranger: ["confirmed"]}

    found = await look(house, replace(books, announced=told))

    assert {(one.invariant, one.subject) for one in found} == {
        ("one-outcome", str(one)) for one in (first, crowd, stranger)
    }


async def test_an_outcome_that_was_never_announced_is_named_unless_the_broker_may_have_forgotten_it(
    house: House,
) -> None:
    books = house.books()
    told = {booking: kinds for booking, kinds in books.announced.items() if booking != house.ids[UNPAID]}

    found = await look(house, replace(books, announced=told))
    forgotten = await look(house, replace(books, announced=told, whole_since=datetime(2026, 12, 1, tzinfo=UTC)))

    assert [(one.invariant, one.subject) for one in found] == [("outcome-announced", str(house.ids[UNPAID]))]
    assert forgotten == []


async def test_a_message_of_our_own_that_was_set_aside_is_named_and_a_clients_is_not(house: House) -> None:
    letters = [
        DeadLetter(name, "payments", "t", "k", "posada.x.v1", "it is bad", [], "", [("ce_source", source)], b"")
        for name, source in (("ours", b"posada/booking"), ("theirs", b"gateway"))
    ]
    letters.append(replace(letters[0], id="forged in our name", verified=False))

    found = await look(house, replace(house.books(), dead=letters))

    assert [(one.invariant, one.subject) for one in found] == [("nothing-set-aside", "ours")]


def test_every_invariant_was_broken() -> None:
    on_topics = {"one-outcome", "outcome-announced", "nothing-set-aside"}
    assert {one.invariant for one in BREAKS} | on_topics == set(ALL)


class Passing(Shelf):
    """Topics with a message about a booking on its way, until the look of that number."""

    def __init__(self, house: House, name: str, until: int) -> None:
        super().__init__(house.books())
        self._about = frozenset({house.ids[name]})
        self._left = until

    async def look(self) -> TopicSnapshot:
        self._left -= 1
        return replace(self.books, in_flight=self._about if self._left > 0 else frozenset())


async def test_what_is_in_flight_is_waited_for_and_then_named(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "conversations") as copy:
        connection = await asyncpg.connect(copy.urls["conversations"])
        await connection.execute("DELETE FROM bookings WHERE id = $1", house.ids[FIRST])
        await connection.close()
        arrived = await Auditor(copy.urls, Passing(copy, FIRST, until=4)).audit(grace_s=0.01)
        late = await Auditor(copy.urls, Passing(copy, FIRST, until=1000)).audit(grace_s=0.01, settle_s=0.1)

    for report in (arrived, late):
        assert [finding.invariant for finding in report.findings] == ["conversation-knows"]
    assert arrived.looks == 4
    assert late.looks > 4


class Crowded(Shelf):
    """Topics with so much unread that nobody can tell whom it is about: at each look so many, then the last again."""

    def __init__(self, house: House, *unread: int) -> None:
        super().__init__(house.books())
        self._unread = list(unread)

    async def look(self) -> TopicSnapshot:
        unread = self._unread.pop(0) if len(self._unread) > 1 else self._unread[0]
        return replace(self.books, unread=unread)


@pytest.mark.parametrize(
    ("unread", "looks", "undecided"),
    [
        ((90_000, 70_000, 60_000, 55_000, 0), 5, 0),  # it came down, and what stands then is wrong
        ((90_000, 70_000, 70_000), 3, 1),  # nobody reads any more
    ],
)
async def test_a_great_backlog_is_waited_for_as_long_as_it_becomes_less(
    house: House, databases: Databases, unread: tuple[int, ...], looks: int, undecided: int
) -> None:
    with spoiled(house, databases, "conversations") as copy:
        connection = await asyncpg.connect(copy.urls["conversations"])
        await connection.execute("DELETE FROM bookings WHERE id = $1", house.ids[FIRST])
        await connection.close()
        report = await Auditor(copy.urls, Crowded(copy, *unread)).audit(grace_s=0.01, settle_s=0)

    assert (report.looks, report.undecided) == (looks, undecided)
    assert [finding.invariant for finding in report.findings] == ["conversation-knows"]


# From then on whoever connects to the database is two days ahead.
_AHEAD = """
CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql AS $now$ SELECT pg_catalog.now() + interval '2 days' $now$;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$"""


async def test_the_time_is_that_of_bookings_database(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "booking") as copy:
        connection = await asyncpg.connect(copy.urls["booking"])
        await connection.execute(
            "UPDATE sagas SET phase = 'finishing', wake_at = now() + interval '1 day',"
            " progress = jsonb_set(progress, '{decided_at}', to_jsonb(now())) WHERE id = $1",
            house.ids[FIRST],
        )
        here = await look(copy)
        await connection.execute(_AHEAD)
        await connection.close()
        ahead = await look(copy)

    assert "saga-in-time" not in {finding.invariant for finding in here}
    assert "saga-in-time" in {finding.invariant for finding in ahead}


async def test_what_comes_right_by_the_second_look_was_in_flight(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "conversations") as copy:

        class Mending(Shelf):
            """Sees, at its second look, that the message has come."""

            looks = 0

            async def look(self) -> TopicSnapshot:
                self.looks += 1
                if self.looks == 1:
                    connection = await asyncpg.connect(copy.urls["conversations"])
                    sql = "UPDATE bookings SET id = $1 WHERE id = $2"
                    await connection.execute(sql, house.ids[FIRST], uuid4())
                    await connection.close()
                return self.books

        books = replace(house.books(), announced={**house.books().announced, house.ids[FIRST]: []})
        shelf = Mending(books)
        auditor = Auditor(copy.urls, shelf)
        first = await auditor.look()
        shelf.books = house.books()
        second = await auditor.audit(grace_s=0.01)

    assert [finding.invariant for finding in first.findings] == ["outcome-announced"]
    assert second.findings == ()


async def test_a_saga_is_given_the_time_that_its_terms_allow(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "booking") as copy:
        connection = await asyncpg.connect(copy.urls["booking"])
        sql = "UPDATE sagas SET phase = 'undoing', wake_at = now() + interval '1 minute' WHERE id = $1"
        await connection.execute(sql, house.ids[SHORT])
        decided_at = await connection.fetchval(
            "SELECT (progress->>'decided_at')::timestamptz FROM sagas WHERE id = $1", house.ids[SHORT]
        )
        await connection.close()
        soon, late = [
            await Auditor(copy.urls, clock=lambda at=decided_at + timedelta(minutes=age): at).look()  # type: ignore[misc]
            for age in (14, 16)
        ]

    assert "saga-in-time" not in {finding.invariant for finding in soon.findings}
    assert "saga-in-time" in {finding.invariant for finding in late.findings}


async def test_a_room_may_be_out_of_order_or_gone_where_nothing_is_oversold(house: House, databases: Databases) -> None:
    with spoiled(house, databases, "availability") as copy:
        connection = await asyncpg.connect(copy.urls["availability"])
        await connection.execute(
            "UPDATE rooms SET (out_of_order_from, out_of_order_until) = (current_date + 9001, current_date + 9005)"
            " WHERE number = '22'; INSERT INTO room_nights"
            " SELECT 'las-hojas', number, current_date + 9000, gen_random_uuid()"
            " FROM rooms WHERE type_key = (SELECT type_key FROM rooms WHERE number = '22');"
            "INSERT INTO room_nights VALUES ('las-hojas', 'attic', current_date - 2, gen_random_uuid())"
        )
        await connection.close()
        found = await look(copy)

    assert "within-capacity" not in {finding.invariant for finding in found}
