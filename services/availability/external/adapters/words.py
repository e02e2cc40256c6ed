"""How an external system calls what we call otherwise: room types, packages and ways to pay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.availability.catalogue import About, OutsideWordRecord, PackageRecord, TypeRecord, plain


@dataclass(frozen=True, slots=True)
class Words:
    """Its words by what they are about and our key; `keys` are our keys by what requests may write for them."""

    theirs: Mapping[tuple[About, str], str] = field(default_factory=dict)
    keys: Mapping[tuple[About, str], str] = field(default_factory=dict)

    def of(self, about: About, given: str) -> str:
        """Its word; where the table has none, what was given."""
        key = self.keys.get((about, plain(given)), given)
        return self.theirs.get((about, key), given)


def words_of(
    table: Iterable[OutsideWordRecord], types: Iterable[TypeRecord], packages: Iterable[PackageRecord]
) -> Words:
    """What the catalogue says: the table, and what people call types and packages where the table has no word."""
    named = [(About.TYPE, one.type, one.label) for one in types]
    named += [(About.PACKAGE, one.package, one.name) for one in packages]
    theirs = {(about, key): name for about, key, name in named}
    theirs |= {(one.about, one.ours): one.theirs for one in table}
    keys = {(about, plain(written)): key for about, key, name in named for written in (name, key)}
    return Words(theirs, keys)
