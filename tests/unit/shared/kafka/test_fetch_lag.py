"""A partition whose messages wait is told of once nobody fetched for long; one with nothing in it never is."""

from __future__ import annotations

from aiokafka import TopicPartition

from shared.consumer.subscriber import LAG_SECONDS
from shared.kafka.fetch_lag import CHECK_SECONDS, SILENT_SECONDS, FetchLagMonitor

ONE, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)
PATIENCE = 60.0


def test_an_idle_partition_may_stand_for_ever() -> None:
    watch = FetchLagMonitor()
    for now in range(0, 10_000, 10):
        watch.note_positions({ONE: 7, OTHER: 0}, now)
        watch.note_answer({ONE: 7, OTHER: 0})
        assert watch.trouble(now, PATIENCE) is None


def test_the_time_counts_from_when_a_message_came() -> None:
    watch = FetchLagMonitor()
    watch.note_positions({ONE: 7}, 0)
    watch.note_answer({ONE: 7})
    watch.note_positions({ONE: 7}, 1000)
    watch.note_answer({ONE: 8})
    watch.note_positions({ONE: 7}, 1060)
    assert watch.trouble(1060, PATIENCE) is None
    watch.note_positions({ONE: 7}, 1061)
    assert "t/0" in (watch.trouble(1061, PATIENCE) or "")


def test_one_partition_that_stands_is_seen_while_the_others_move() -> None:
    watch = FetchLagMonitor()
    watch.note_answer({ONE: 100, OTHER: 10_000})
    for now in range(0, 70):
        watch.note_positions({ONE: 7, OTHER: now}, now)
    trouble = watch.trouble(69, PATIENCE) or ""
    assert "t/0" in trouble
    assert "t/1" not in trouble
    watch.note_positions({ONE: 8, OTHER: 70}, 70)
    assert watch.trouble(70, PATIENCE) is None


def test_a_position_that_is_never_found_is_trouble_where_there_is_something_to_read() -> None:
    watch = FetchLagMonitor()
    watch.note_answer({ONE: 5, OTHER: 0})
    watch.note_positions({ONE: None, OTHER: None}, 0)
    watch.note_positions({ONE: None, OTHER: None}, 61)
    assert "t/0" in (watch.trouble(61, PATIENCE) or "")
    watch.note_positions({OTHER: None}, 62)
    assert watch.trouble(200, PATIENCE) is None


def test_a_broker_that_does_not_answer_is_trouble_after_a_while() -> None:
    watch = FetchLagMonitor()
    watch.note_positions({ONE: 7}, 0)
    watch.note_question(0)
    watch.note_question(4)
    assert watch.trouble(SILENT_SECONDS, PATIENCE) is None
    assert "has not said" in (watch.trouble(SILENT_SECONDS + 1, PATIENCE) or "")
    watch.note_answer({ONE: 7})
    assert watch.trouble(61, PATIENCE) is None
    watch.note_question(100)
    assert watch.trouble(101, PATIENCE) is None


def test_a_broker_that_stands_still_is_seen_within_ten_seconds() -> None:
    assert CHECK_SECONDS + LAG_SECONDS + SILENT_SECONDS < 10
