"""A transaction's rows in one: whatever they hold comes out as it went in."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from shared.outbox.batches import batch_in, pack, unpack
from shared.outbox.row import Row

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ROWS = st.builds(
    Row,
    st.uuids(),
    TEXT,
    TEXT,
    st.lists(st.tuples(TEXT, st.binary(max_size=20)), max_size=5),
    st.none() | st.binary(max_size=300),
    urgent=st.booleans(),
)


@given(st.lists(ROWS, max_size=6))
def test_rows_come_out_as_they_went_in(rows: list[Row]) -> None:
    assert unpack(pack(rows)) == rows


def test_timers_and_what_may_be_lost_are_in_no_batch_and_a_single_row_is_none() -> None:
    now = datetime(2027, 5, 1, tzinfo=UTC)
    first, second = (Row(uuid4(), "topic", key, [], b"{}") for key in "ab")
    timer = Row(uuid4(), "topic", "c", [], b"{}", now)
    lossy = Row(uuid4(), "topic", "d", [], b"{}", durable=False)
    assert batch_in([first, timer, second, lossy]) == [first, second]
    assert batch_in([first, timer, lossy]) == []
