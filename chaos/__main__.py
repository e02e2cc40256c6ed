"""python -m chaos: raises a storm over a cluster of its own, audits what is left, and writes a report."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from chaos.faults.plan import plan
from chaos.faults.proxied_cluster import ProxiedCluster
from chaos.faults.tcp_proxy import TcpProxies
from chaos.report import write
from chaos.run import SERVICE_SETTINGS, Storm, Wish, run
from deploy.local.backend import BACKENDS_VARIABLE
from posada.cli.signals import ENDING, one_interruption, undisturbed
from posada.output import err, out

SECONDS_A_FAULT = 8.0


def chaos(
    *,
    seed: Annotated[int | None, typer.Option(help="Repeats a storm: the same guests and the same faults.")] = None,
    bookings: Annotated[int, typer.Option(min=1, help="Bookings to be asked for.")] = 3000,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long the storm lasts, without start and audit.")] = 4.0,
    faults: Annotated[int | None, typer.Option(min=0, help="How many; else one every 8 seconds.")] = None,
    report: Annotated[Path, typer.Option(help="Folder of reports; each storm has its own in it.")] = Path(
        ".posada/chaos"
    ),
    plan_only: Annotated[bool, typer.Option("--plan", help="Print the plan and end.")] = False,
) -> None:
    """Kill, freeze, cut, repeat and move everything while bookings go on; exit code 1 when a promise was broken."""
    for chatty in ("aiokafka", "asyncio"):  # what becomes of lost connections is what the report tells
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    chosen = random.SystemRandom().randrange(1, 1_000_000) if seed is None else seed
    wish = Wish(chosen, bookings, minutes * 60, faults if faults is not None else round(minutes * 60 / SECONDS_A_FAULT))
    if plan_only:
        for fault in plan(wish.seed, wish.seconds, wish.faults, proxies=os.environ.get(BACKENDS_VARIABLE) != "docker"):
            out().print(fault.text, markup=False)
        return
    err().print(
        f"seed {wish.seed}: {wish.bookings} bookings, {wish.faults} faults in {wish.seconds:.0f} s", markup=False
    )
    storm = run_storm(wish, report / str(wish.seed) / "logs")
    page = write(storm, report / str(wish.seed))
    for wrong in storm.wrong:
        out().print(f"wrong: {wrong}", markup=False, soft_wrap=True)
    came_of_it = f"{len(storm.wrong)} things went wrong" if storm.wrong else "everything held"
    out().print(f"seed {wish.seed}: {came_of_it}; see {page}", markup=False)
    raise typer.Exit(1 if storm.wrong else 0)


def run_storm(wish: Wish, logs: Path | None = None) -> Storm:
    """Raise the storm over a cluster that is made for it and removed after it, whatever happens.

    Where something went wrong, what its services wrote is left in `logs`.
    """
    with (
        one_interruption(),
        tempfile.TemporaryDirectory(prefix="posada-chaos-", ignore_cleanup_errors=True) as folder,
        TcpProxies() as proxies,
    ):
        # Embedded servers, also where Docker answers: they have proxies. Containers where they are asked for.
        own = {BACKENDS_VARIABLE: "embedded", **os.environ}
        cluster = ProxiedCluster(Path(folder), proxies, environ=own, service_env=SERVICE_SETTINGS, on_progress=_say)
        try:
            cluster.start()
            storm = asyncio.run(_run(cluster, wish))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            with undisturbed():
                cluster.stop()
        if storm.wrong and logs:
            shutil.copytree(Path(folder) / "logs", logs, dirs_exist_ok=True)
        return storm


async def _run(cluster: ProxiedCluster, wish: Wish) -> Storm:
    storm = asyncio.current_task()
    for number in ENDING:  # an exception out of the blue would tear the loop's own work apart
        asyncio.get_running_loop().add_signal_handler(number, lambda: storm and storm.cancel())
    try:
        return await run(cluster, wish, _say, cluster.proxies)
    except BaseException:
        cluster.stop()  # now: threads that wait for something to come back end with it
        raise


def _say(kind: str) -> None:
    err().print(kind, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.argv[0] = "chaos"
    typer.run(chaos)
