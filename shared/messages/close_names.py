"""Which known name was probably meant by one that is not known."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 40  # characters of a name that is compared; a longer one is no name of ours
SHORT, LONG = 4, 8  # from how many letters a name may differ in one of them, and in two


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs from `name` in a letter or two, or in case and signs alone; None without one."""
    if len(name) > LONGEST:
        return None
    letters = _letters(name)
    distances = ((_distance(letters, _letters(other)), other) for other in known)
    close = [(distance, other) for distance, other in distances if distance <= _most(_letters(other))]
    return min(close)[1] if close else None


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _most(letters: str) -> int:
    return (len(letters) >= SHORT) + (len(letters) >= LONG)


def _distance(one: str, other: str) -> int:
    """How many letters are added, left out, replaced, or swapped with their neighbour (optimal string alignment)."""
    if abs(len(one) - len(other)) > _most(other):
        return LONGEST
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, above, row = row, before, [place]
        for column, wanted in enumerate(other, 1):
            cost = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != wanted))
            swapped = place > 1 and column > 1 and letter == other[column - 2] and wanted == one[place - 2]
            row.append(min(cost, above[column - 2] + 1) if swapped else cost)
    return row[-1]
