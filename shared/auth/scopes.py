"""Whose a request is: each operation's rule, judged over the very values that its endpoint is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import HTTPException, status
from pydantic import BaseModel

from shared.auth.tokens import Caller
from shared.database.pool import Database

PROPERTY = "property_id"
Given = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a thing is: `query` gives the properties that it belongs to, NULL where that is no single one.

    `key` makes what the query is asked for of what the request names.
    """

    thing: str
    query: str
    key: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Rule:
    """Which ids of an operation say whose it is: one of `by` at least is named, and all named are the caller's.

    Of `beside` something may be nobody's as well, such as money that is not yet spent. `free` are ids that give no
    access to anything: new ones that the caller chooses, and filters within what `by` names. An operation that tells
    nothing of any property is `common`; one without any `by` is for callers for all properties.
    """

    by: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    common: bool = False

    @property
    def known(self) -> frozenset[str]:
        """The ids that the rule says something of."""
        return self.by | self.beside | self.free


COMMON = Rule(common=True)
HOUSE = Rule()


def about(*by: str, beside: Iterable[str] = (), free: Iterable[str] = ()) -> Rule:
    """The rule of an operation that is about what these ids name."""
    return Rule(frozenset(by), frozenset(beside), frozenset(free))


@dataclass(frozen=True, slots=True)
class Scopes:
    """A service's rules, by operation such as `GET /bookings/{booking_id}`, and whose the things are that ids name.

    An operation without a rule is refused to whoever is not for all properties.
    """

    owners: Mapping[str, Owner] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)

    async def check(self, rule: Rule | None, caller: Caller, given: Mapping[str, Any], database: Database) -> None:
        """Let a caller pass who may touch everything that is named. What is another property's, or of nobody knows
        whom, is answered like what does not exist.

        Raises:
            HTTPException: 403 with the remedy where no property can be told, 404 where there is no such thing for them.
        """
        if caller.properties is None:
            return
        named = list(ids_in(given))
        if rule == HOUSE:
            raise _refused(caller, "and this is about every property: show a token for all of them")
        if rule is None or {name for name, _ in named} - rule.known:
            raise _refused(caller, "and nothing says which property this is about: show a token for all of them")
        if rule.common:
            return
        if not any(name in rule.by for name, _ in named):
            raise _refused(caller, f"and this needs one to be named: give {_remedy(rule)}")
        if any(name == PROPERTY and value not in caller.properties for name, value in named):
            raise _refused(caller, f"so only these may be named as {PROPERTY}")
        await self._check_owners(rule, caller, named, database)

    async def _check_owners(self, rule: Rule, caller: Caller, named: Iterable[Given], database: Database) -> None:
        for name, value in named:
            if name == PROPERTY or name in rule.free:
                continue
            owner = self.owners[name]
            found = await _owners(database, owner, value)
            if name in rule.beside and found == {None}:
                continue
            if not caller.may_touch(found):
                raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no such {owner.thing}")


async def _owners(database: Database, owner: Owner, value: Any) -> frozenset[str | None]:
    async with database.connection() as connection:
        return frozenset(row[0] or None for row in await connection.fetch(owner.query, owner.key(value)))


def ids_in(given: Any, name: str = "") -> Iterator[Given]:
    """Everything that an endpoint was given by which something could be named, however deep it lies."""
    if isinstance(given, BaseModel):
        given = {one: getattr(given, one) for one in type(given).model_fields}
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from ids_in(value, str(key))
    elif isinstance(given, list | tuple | set | frozenset):
        for value in given:
            yield from ids_in(value, name)
    elif given is not None and is_id(name, given):
        yield name, given


def is_id(name: str, value: object = None) -> bool:
    """Whether a field names something of a property, by its name or by what it holds."""
    return name.endswith(("_id", "_ids")) or isinstance(value, UUID)


def _remedy(rule: Rule) -> str:
    return PROPERTY if PROPERTY in rule.by else " or ".join(sorted(rule.by))


def _refused(caller: Caller, why: str) -> HTTPException:
    told = ", ".join(sorted(caller.properties or ()))
    return HTTPException(status.HTTP_403_FORBIDDEN, f"this token is for {told} alone, {why}")
