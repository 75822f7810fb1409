"""What operators write into names: the sample, and the dilution where the instrument was not told of it.

NanoSight names a video after its experiment and numbers it: `std_10000_yes_2_00` is video 00 of `std_10000_yes_2_`.
"""

import re
from pathlib import PureWindowsPath

_VIDEO_NUMBER = re.compile(r"[\s_-]+\d{1,3}$")
_EDGES = " _-."

# A factor is taken from a name only where it can hardly be anything else. `d28` is a day of treatment: the bare
# letter counts from 100 on, in tens.
_STATED = (
    re.compile(r"(?<![A-Za-z0-9])(?:dil(?:ution|uted)?|df)[\s_:=-]*(\d+)x?(?![A-Za-z0-9]|\.\d)", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9.])1(?::|to|in)(\d+)(?![A-Za-z0-9]|\.\d)", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9])d([1-9]\d+0)(?![A-Za-z0-9]|\.\d)", re.IGNORECASE),
)
# A number without a word (`std_10000_yes`) counts as a power of ten from 1,000 to 1,000,000 that is not the first
# word of the name, and only in names that are not the sample's: patients have numbers too.
_BARE = re.compile(r"(?<=[\s_-])(10{3,6})(?![A-Za-z0-9]|\.\d)")


def experiment_of(video: str) -> str:
    """The experiment that a video belongs to: its name without folder and video number."""
    name = PureWindowsPath(video.strip()).name
    return _VIDEO_NUMBER.sub("", name).strip(_EDGES) or name


def dilution_in(video: str, sample: str | None, file_name: str) -> float | None:
    """The dilution factor that the names tell, or None where none does or where they contradict each other.

    sample: the sample's name as the file states it; None where it does not.
    """
    names = (video, sample or "", file_name)
    stated = {float(f) for pattern in _STATED for name in names for f in pattern.findall(name)}
    bare = {float(f) for name in (video, file_name) for f in _BARE.findall(name) if f not in (sample or "")}
    factors = stated or bare
    return factors.pop() if len(factors) == 1 else None


def without_dilution(name: str) -> str:
    """A name without its stated dilution: dilutions of one sample are that sample. Never empty; bare numbers stay."""
    for pattern in _STATED:
        name = _joined(pattern.sub("", name)) or name
    return name


def _joined(name: str) -> str:
    """A name out of which something was cut: no empty brackets, separators neither doubled nor at its ends."""
    return re.sub(r"([\s_-])[\s_-]+", r"\1", name.replace("()", "")).strip(_EDGES)
