"""What the monitor shows during an operation, with drifts into hypotension that announce themselves.

Before a true fall, heart rate rises and pulse pressure narrows while mean pressure only begins to sag; pressure also
wanders by itself without these signs. So the last mean pressure says much about the next minutes, and trends and
heart rate say more. Numerics come every 30 seconds, as whole numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oncolake.demo import truth

SAMPLE_SECONDS = 30
SIGNALS = ("MAP", "SBP", "DBP", "HR", "SPO2")
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MonitorCase:
    """Numerics of one operation: `seconds` from its start (n,), and each signal (n,), NaN where none was measured."""

    seconds: npt.NDArray[np.int64]
    signals: dict[str, FloatArray]

    def hypotensive_minutes(self) -> tuple[int, int]:
        """Minutes below the threshold and minutes observed, by the median of each whole minute's values."""
        pressure = self.signals["MAP"]
        per_minute = 60 // SAMPLE_SECONDS
        whole = pressure[: len(pressure) // per_minute * per_minute].reshape(-1, per_minute)
        seen = whole[~np.isnan(whole).all(axis=1)]
        medians = np.nanmedian(seen, axis=1)
        return int((medians < truth.MAP_THRESHOLD_MMHG).sum()), len(seen)


def simulate_case(rng: np.random.Generator) -> MonitorCase:
    """One operation of about two hours."""
    n = 60 // SAMPLE_SECONDS * int(rng.integers(110, 131))
    minutes = np.arange(n) * SAMPLE_SECONDS / 60
    set_point = float(np.clip(83 + 5 * rng.standard_normal(), 74, 98))
    fall, heart, pulse = np.zeros(n), np.zeros(n), np.zeros(n)
    for onset in _onsets(rng, minutes[-1]):
        lead, hold = rng.uniform(*truth.PRECURSOR_MINUTES), rng.uniform(3, 8)
        depth = set_point - rng.uniform(52, 61)
        # Sag, collapse within two minutes, nadir, recovery under a vasopressor.
        nodes = np.array([onset - lead, onset, onset + 2, onset + 2 + hold, onset + 6 + hold])
        fall = np.maximum(fall, np.interp(minutes, nodes, np.array([0, 0.30, 1, 1, 0]) * depth, left=0, right=0))
        rise = rng.uniform(*truth.PRECURSOR_HR_RISE_PER_MIN)
        heart = np.maximum(heart, np.interp(minutes, nodes, np.array([0, 1, 1.1, 0.9, 0]) * rise, left=0, right=0))
        narrowing = rng.uniform(*truth.PRECURSOR_PULSE_PRESSURE_FALL_MMHG)
        pulse = np.maximum(pulse, np.interp(minutes, nodes, np.array([0, 1, 1, 0.8, 0]) * narrowing, left=0, right=0))
    mean = set_point - fall + _wander(rng, n, sd=4.0, minutes=7) + 1.2 * rng.standard_normal(n)
    rate = 68 + 8 * rng.standard_normal() + heart + _wander(rng, n, sd=2.5, minutes=12) + rng.standard_normal(n)
    rate = np.clip(rate, 40, 150)
    width = np.clip(46 + 5 * rng.standard_normal() - pulse + _wander(rng, n, sd=2.0, minutes=9), 18, None)
    mean = np.clip(mean, 38, 135)
    saturation: FloatArray = np.clip(98.6 + _wander(rng, n, sd=0.6, minutes=10), 90, 100).astype(np.float64)
    signals: dict[str, FloatArray] = {
        "MAP": np.round(mean),
        "SBP": np.round(mean + 2 / 3 * width + rng.standard_normal(n)),
        "DBP": np.round(mean - 1 / 3 * width + 0.7 * rng.standard_normal(n)),
        "HR": np.round(rate),
        "SPO2": np.round(saturation),
    }
    _interrupt(rng, signals, n)
    return MonitorCase(np.arange(n, dtype=np.int64) * SAMPLE_SECONDS, signals)


def _onsets(rng: np.random.Generator, last_minute: float) -> list[float]:
    onsets: list[float] = []
    wanted = int(np.clip(rng.poisson(1.9 * rng.gamma(2.0, 0.5)), 0, 5))
    for onset in rng.uniform(14, last_minute - 4, size=4 * wanted):
        if len(onsets) < wanted and all(abs(onset - other) > 20 for other in onsets):
            onsets.append(float(onset))
    return onsets


def _wander(rng: np.random.Generator, n: int, sd: float, minutes: float) -> FloatArray:
    """A stationary AR(1) process with a time constant in minutes."""
    keep = float(np.exp(-SAMPLE_SECONDS / 60 / minutes))
    shocks = rng.standard_normal(n) * sd * (1 - keep**2) ** 0.5
    values = np.empty(n)
    state = sd * float(rng.standard_normal())
    for i, shock in enumerate(shocks):
        state = keep * state + float(shock)
        values[i] = state
    return values


def _interrupt(rng: np.random.Generator, signals: dict[str, FloatArray], n: int) -> None:
    """Gaps: the arterial line is flushed or the cable unplugged for minutes, the pulse oximeter slips."""
    for _ in range(int(rng.integers(0, 3))):
        start, length = int(rng.integers(0, n - 40)), int(rng.integers(3, 25))
        for name in ("MAP", "SBP", "DBP"):
            signals[name][start : start + length] = np.nan
    if rng.random() < 0.4:
        start, length = int(rng.integers(0, n - 40)), int(rng.integers(6, 36))
        for values in signals.values():
            values[start : start + length] = np.nan
    slip = rng.random(n) < 0.004
    signals["SPO2"][slip] = np.nan
