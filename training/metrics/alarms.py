"""What an alarm on hypotension ahead would have done: episodes alarmed beforehand, lead time reached, false alarms.

Definitions after the evaluation of hypotension alerts in Sci Rep 2017;7:8551 (table 5), with 20 minutes in place of its
30, since what is predicted lies at most 15 minutes ahead:
- An episode begins at the first minute below the limit whose minute before was observed and not below it.
- It is alarmed beforehand if one of the WINDOW minutes before it was in alarm, not counting minutes of an earlier
  episode or before it. Its lead time is the time from the first of those alarmed minutes to the beginning: an alarm
  that has been standing for longer counts as WINDOW minutes.
- An alarm is raised at a minute in alarm whose minute before was not, or was not observed. It is false if it is raised
  while the pressure is not low and no minute of the following WINDOW is seen to be low; at the end of a case that means
  false too, since nobody can say otherwise.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from training.metrics.classes import Flags, Floats, ratio

WINDOW = 20
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Minutes:
    """Rows as minutes of cases. case: code; minute: whole minutes on any clock; is_low: pressure below the limit."""

    case: Rows
    minute: npt.NDArray[np.int64]
    is_low: Flags

    @cached_property
    def _line(self) -> tuple[npt.NDArray[np.int64], Rows]:
        """All cases on one line of minutes, too far apart for a step to lead into another; and its order."""
        line = self.case * (np.ptp(self.minute) + 2 * WINDOW + 2) + (self.minute - self.minute.min())
        return line, np.argsort(line)

    def back(self, steps: int) -> Rows:
        """For each row that of the same case `steps` minutes earlier (later, if negative); -1 where there is none."""
        line, order = self._line
        position = np.searchsorted(line[order], line - steps)
        found = order[np.minimum(position, len(line) - 1)]
        return np.where((position < len(line)) & (line[found] == line - steps), found, -1)


@dataclass(frozen=True)
class Alarms:
    """Which rows raise an alarm, which of those falsely; and of each episode its first row, and lead time in minutes.

    lead: NaN where it came without an alarm. is_reachable: whether a row of the subgroup lay before it at all.
    """

    raised: Floats
    false: Floats
    first: Rows
    lead: Floats
    is_reachable: Flags

    @classmethod
    def of(cls, minutes: Minutes, alarm: Flags, among: Flags | None = None) -> "Alarms":
        """among: the rows of a subgroup, alone able to alarm there; default all."""
        heard = np.ones(len(alarm), bool) if among is None else among
        before = minutes.back(1)
        raised = alarm & heard & ~((before >= 0) & alarm[before])
        low_ahead = np.zeros(len(alarm), bool)
        for step in range(1, WINDOW + 1):
            ahead = minutes.back(-step)
            low_ahead |= (ahead >= 0) & minutes.is_low[ahead]
        first = np.flatnonzero(minutes.is_low & (before >= 0) & ~minutes.is_low[before])
        lead, reachable = _leads(minutes, alarm & heard, heard, first)
        false = raised & ~minutes.is_low & ~low_ahead
        return cls(raised.astype(float), false.astype(float), first, lead, reachable)

    def episodes(self, weights: Floats) -> Floats:
        """How many episodes there were that the subgroup could have alarmed."""
        return np.asarray(weights[..., self.first[self.is_reachable]].sum(-1), float)

    def share_alarmed(self, weights: Floats) -> Floats:
        """Share of those episodes that were alarmed beforehand; NaN without one."""
        return ratio(weights[..., self.first[np.isfinite(self.lead)]].sum(-1), self.episodes(weights))

    def median_lead(self, weights: Floats) -> Floats:
        """Median lead time in minutes of the episodes alarmed beforehand (the lower one of two); NaN without one."""
        alarmed = np.isfinite(self.lead)
        order = np.argsort(self.lead[alarmed], kind="stable")
        reached = np.cumsum(weights[..., self.first[alarmed][order]], axis=-1)
        if not len(order):
            return np.full(weights.shape[:-1], np.nan)
        half = reached[..., -1:] / 2
        middle = self.lead[alarmed][order][np.argmax(reached >= half, axis=-1)]
        return np.where(reached[..., -1] > 0, middle, np.nan)


def _leads(minutes: Minutes, alarm: Flags, heard: Flags, first: Rows) -> tuple[Floats, Flags]:
    lead = np.full(len(first), np.nan)
    reachable = np.zeros(len(first), bool)
    is_open = np.ones(len(first), bool)
    for step in range(1, WINDOW + 1):
        row = minutes.back(step)[first]
        is_open &= ~((row >= 0) & minutes.is_low[row])
        counts = is_open & (row >= 0)
        reachable |= counts & heard[row]
        lead[counts & alarm[row]] = step
    return lead, reachable
