"""The time rule as DESIGN.md states it, by trying every row: too slow to be wrong. And generated cases for it.

Instants are whole numbers; what one means (a day, a nanosecond) is the tests' affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

Key = tuple[str | None, str | None]


@dataclass(frozen=True)
class Fact:
    """A row of history."""

    key: Key
    event: int | None
    known: int | None
    value: int | None


@dataclass(frozen=True)
class Label:
    key: Key
    at: int | None


@dataclass(frozen=True)
class Case:
    facts: tuple[Fact, ...]
    labels: tuple[Label, ...]


def seen(
    facts: Iterable[Fact],
    label: Label,
    *,
    ttl: int | None = None,
    known_only: bool = True,
    as_known_at: int | None = None,
) -> int | None:
    """The value that a label may see; None: nothing."""
    best: Fact | None = None
    for fact in facts:
        if label.at is None or None in label.key or fact.key != label.key:
            continue
        if fact.event is None or fact.event > label.at:
            continue
        if known_only and (fact.known is None or fact.known > label.at):
            continue
        if as_known_at is not None and (fact.known is None or fact.known > as_known_at):
            continue
        if best is None or _order(fact) > _order(best):
            best = fact
    if best is None or best.event is None or label.at is None:
        return None
    if ttl is not None and best.event < label.at - ttl:
        return None
    return best.value


def _order(fact: Fact) -> tuple[int, bool, int, bool, int]:
    """The latest event, then the latest known, then the greatest value; what is not there is before all."""
    return (fact.event or 0, fact.known is not None, fact.known or 0, fact.value is not None, fact.value or 0)


# Few keys and few instants, so that ties of every kind are common; parts that run together: "1"+"11" = "11"+"1".
PART = st.one_of(st.sampled_from(["1", "11"]), st.sampled_from(["1", "11", "", "a"]), st.none())
KEY = st.one_of(st.sampled_from([("1", "11"), ("11", "1")]), st.tuples(PART, PART))
INSTANT = st.one_of(st.integers(-6, 12), st.integers(0, 6), st.none())
FACT = st.builds(Fact, KEY, INSTANT, INSTANT, st.one_of(st.integers(-2, 12), st.none()))
LABEL = st.builds(Label, KEY, INSTANT)


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    """Facts and labels in any order, some of them twice."""
    facts, labels = draw(st.lists(FACT, max_size=30)), draw(st.lists(LABEL, max_size=15))
    again = draw(st.lists(st.sampled_from(labels), max_size=5)) if labels else []
    return Case(tuple(facts), tuple(labels + again))


CASES = _cases()
TTLS = (None, 0, 3)


def gathered(n: int) -> list[Case]:
    """That many generated cases at once, for an engine that answers many as fast as one."""
    cases: list[Case] = []

    @settings(max_examples=n, database=None, phases=[Phase.generate])
    @given(CASES)
    def gather(case: Case) -> None:
        cases.append(case)

    gather()
    return cases
