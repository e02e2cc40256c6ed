"""What Prometheus reads of holds and of calls to outside inventories."""

from __future__ import annotations

from prometheus_client import Gauge

from shared.gauges import Reading

# Only holds that are not booked or released have a wake_at, and it is indexed.
HOLDS = Reading(
    """
SELECT count(*) AS held, count(*) FILTER (WHERE expires_at <= $1) AS expired,
       count(*) FILTER (WHERE expires_at > $1 AND expires_at <= $1 + interval '10 minutes') AS expiring
FROM holds WHERE wake_at IS NOT NULL AND state = 'held'""",
    {
        "held": Gauge("posada_holds", "Holds that are neither booked nor released"),
        "expiring": Gauge("posada_holds_expiring", "Holds that expire within ten minutes"),
        "expired": Gauge("posada_holds_expired", "Holds that have expired and are not released yet"),
    },
)
ERRANDS = Reading(
    """
SELECT count(*) FILTER (WHERE given_up_at IS NULL) AS errands, count(*) FILTER (WHERE leased_until < $1) AS dropped,
       count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up
FROM outside_errands""",
    {
        "errands": Gauge("posada_outside_errands", "Calls to outside inventories that are to be made"),
        "dropped": Gauge("posada_outside_errands_dropped", "Calls that an instance took and did not end in its time"),
        "given_up": Gauge("posada_outside_errands_given_up", "Calls that failed too often and wait for a person"),
    },
)
GAUGES = (HOLDS, ERRANDS)
