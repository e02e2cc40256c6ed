"""Limits of money by role."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from shared.auth.tokens import Role

Limits = dict[Role, Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]]


def most(limits: Mapping[Role, Decimal], role: Role) -> Decimal | None:
    """The lowest of the limits of a role and of the higher roles; None: no limit."""
    return min((limit for named, limit in limits.items() if named.includes(role)), default=None)


def by_role(limits: Mapping[Role, Decimal]) -> dict[str, Decimal]:
    """The limits by name of role, for the roles that have one."""
    return {role.value: limit for role in Role if (limit := most(limits, role)) is not None}
