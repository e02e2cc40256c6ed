"""What goes wrong at a step's messages between the services, for each way in which a step can fail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.saga.table import Step
from tests.support.sagas.in_memory_cluster import Fault, Hop
from tests.support.sagas.storm import Case, How


def faults_of(step: Step[Any], case: Case, does: Hop, last: Step[Any]) -> list[Fault]:
    """Faults at whoever does the step, or undoes it, and at booking when the reply comes.

    Where the undoing is to fail, the reply of the last step before the pivot is lost, so that everything is undone.
    """
    reply = step.undone if case.undoing else step.done
    assert reply
    assert last.done
    hears = Hop("booking", reply.type_name)
    where = {How.COMMAND_LOST: [does], How.REPLY_LOST: [hears], How.LATE: [hears]}.get(case.how, [does, hears])
    late = (step.patience or timedelta(seconds=30)) + timedelta(seconds=15)
    undone = [Fault(Hop("booking", last.done.type_name), How.REPLY_LOST)] if case.undoing else []
    return [*(Fault(hop, case.how, late) for hop in where), *undone]
