"""What handlers add to the unit of work counts as a change: a refusal behind one is noticed."""

from __future__ import annotations

from services.payments.unit_of_work import UnitOfWork
from tests.support.builders.payments import TERMS


def test_every_list_that_handlers_add_to_is_counted() -> None:
    uow = UnitOfWork(TERMS)
    lists = [value for value in vars(uow).values() if isinstance(value, list)]
    for number, added in enumerate(lists, 1):
        added.append(None)
        assert uow.changes_made == number
    assert lists
