"""The command that each invariant names for going on is one of ours."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import posada.audit.rules  # noqa: F401  # declares every invariant
from posada.audit.auditor import Report
from posada.audit.invariant import ALL, Invariant
from posada.cli.operate.audit import show
from posada.main import make_app


def test_a_report_that_could_not_decide_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    finding = next(iter(ALL.values())).finding("5c0f1d0e-0000-4000-8000-000000000000", "wrong")
    show(Report((finding,), bookings=1, looks=3, passed_over=0, undecided=1))
    told = capsys.readouterr()
    assert "1 of them may be in flight" in told.err
    assert finding.subject in told.out


@pytest.mark.parametrize("invariant", ALL.values(), ids=list(ALL))
def test_the_remedy_is_a_command(invariant: Invariant) -> None:
    program, *words = invariant.finding("5c0f1d0e-0000-4000-8000-000000000000", "wrong").remedy.split()
    asked = CliRunner().invoke(make_app(words[0]), [*words, "--help"])
    assert program == "posada"
    assert asked.exit_code == 0, asked.output
    assert "Usage" in asked.output
