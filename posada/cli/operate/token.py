"""posada token: makes tokens for the services' APIs, and the keys that sign them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from posada.cli.options import AsJson
from posada.output import out, print_json
from posada.problems import Exit, Problem
from shared.auth.tokens import EVERY, Caller, Role, issue, new_secret
from shared.clock import system_clock
from shared.settings import KeySettings

group = typer.Typer(help="Tokens for the services' APIs, and the keys that sign them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="token")


@group.command("issue")
def issue_(
    *,
    subject: Annotated[str, typer.Option("--subject", help="Who it is for: a person or a program.")],
    role: Annotated[
        Role, typer.Option("--role", help="viewer reads, desk writes, manager overrules, admin edits rooms.")
    ],
    properties: Annotated[
        list[str], typer.Option("--property", help="A property that it is for; again for more, * for every one.")
    ],
    hours: Annotated[float, typer.Option("--hours", min=0.01, max=8784, help="How long it lasts.")] = 12,
    key: Annotated[str | None, typer.Option("--key", help="The id of the key that signs; else the last one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a token, signed with a key of POSADA_API_KEYS as the services have it. It cannot be taken back singly."""
    now, lasts = system_clock(), timedelta(hours=hours)
    caller = Caller(subject, role, None if EVERY in properties else frozenset(properties))
    keys = KeySettings().api_keys  # an error in it is reported without its secrets
    try:
        token = issue(keys, caller, now, lasts, key)
    except ValueError as error:
        raise Problem(f"{error}.", Exit.USAGE) from error
    if as_json:
        print_json({"token": token, "expires_at": now + lasts})
    else:
        out().print(token, markup=False, soft_wrap=True)


@group.command()
def key() -> None:
    """Print a fresh secret for POSADA_API_KEYS."""
    out().print(new_secret(), markup=False, soft_wrap=True)
