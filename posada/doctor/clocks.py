"""Whether two clocks agree: timers, holds and time-outs are moments that several machines compare."""

from __future__ import annotations

from datetime import datetime, timedelta

from posada.doctor.findings import Finding, broken, fine, worth_a_look

NOTICED = timedelta(seconds=2)
HARMFUL = timedelta(seconds=30)


def skew(about: str, theirs: datetime, before: datetime, after: datetime) -> Finding:
    """How far their clock is from ours, which said `before` and `after` around theirs; less than that is not known."""
    early, late = before - theirs, theirs - after
    off = max(early, late, timedelta())
    side = "behind" if early > late else "ahead"
    text = f"its clock is {off.total_seconds():.1f} s {side} of this machine's"
    remedy = "set both by NTP: timers, holds and time-outs would come early or late"
    if off >= HARMFUL:
        return broken(about, text, remedy)
    if off >= NOTICED:
        return worth_a_look(about, text, remedy)
    return fine(about, "its clock agrees with this machine's")
