"""How much money somebody may move at once, by role."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.auth.tokens import Role

Limits = dict[Role, Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]]


def most(limits: Mapping[Role, Decimal], role: Role) -> Decimal | None:
    """What a role may at most; None: any amount. Nobody may more than a higher role whose limit is named."""
    return min((limit for named, limit in limits.items() if named.includes(role)), default=None)


def by_role(limits: Mapping[Role, Decimal]) -> dict[str, Decimal]:
    """The limit of each role that has one, by its name."""
    return {role.value: limit for role in Role if (limit := most(limits, role)) is not None}
