"""For which properties a caller may call an operation: rules, checked over the values that its endpoint is given."""

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
    """Which properties a thing belongs to: `query` selects them by id, NULL for a thing that belongs to no single one.

    `key` turns the value in the request into the parameter of the query.
    """

    thing: str
    query: str
    key: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Rule:
    """Which ids of an operation are checked. One of `by` at least must be named, and all named must be the caller's.

    Things that `beside` names may also belong to no property, such as unused money. `free` ids give no access: new ids
    that the caller chooses, and filters within what `by` names. A `common` operation shows nothing of any property. A
    rule without `by` is for callers for all properties.
    """

    by: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    common: bool = False

    @property
    def known(self) -> frozenset[str]:
        """The ids that the rule covers."""
        return self.by | self.beside | self.free


COMMON = Rule(common=True)
ALL_PROPERTIES = Rule()


def about(*by: str, beside: Iterable[str] = (), free: Iterable[str] = ()) -> Rule:
    """The rule of an operation on what these ids name."""
    return Rule(frozenset(by), frozenset(beside), frozenset(free))


@dataclass(frozen=True, slots=True)
class Scopes:
    """A service's rules by operation, such as `GET /bookings/{booking_id}`, and the owners of the things that ids name.

    An operation without a rule is for callers for all properties only.
    """

    owners: Mapping[str, Owner] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)

    async def check(self, rule: Rule | None, caller: Caller, given: Mapping[str, Any], database: Database) -> None:
        """Check that the caller may touch everything that the request names.

        Raises:
            HTTPException: 403 with the remedy when the properties are not allowed or not known; 404 for a thing of
                another property, as if it did not exist.
        """
        if caller.properties is None:
            return
        named = list(ids_in(given))
        if rule == ALL_PROPERTIES:
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
    """Every id in the values that an endpoint was given, nested ones included, with the name of its field."""
    if isinstance(given, BaseModel):
        given = {field: getattr(given, field) for field in type(given).model_fields}
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from ids_in(value, str(key))
    elif isinstance(given, list | tuple | set | frozenset):
        for value in given:
            yield from ids_in(value, name)
    elif given is not None and is_id(name, given):
        yield name, given


def is_id(name: str, value: object = None) -> bool:
    """Whether a field is an id, by its name or because its value is a UUID."""
    return name.endswith(("_id", "_ids")) or isinstance(value, UUID)


def _remedy(rule: Rule) -> str:
    return PROPERTY if PROPERTY in rule.by else " or ".join(sorted(rule.by))


def _refused(caller: Caller, why: str) -> HTTPException:
    allowed = ", ".join(sorted(caller.properties or ()))
    return HTTPException(status.HTTP_403_FORBIDDEN, f"this token is for {allowed} alone, {why}")
