"""Which kind of MR sequence a series is, and whether contrast was given, from its tags and its free text.

Technicians write the description by hand: `t1 axial stealth-post_TERA`, `*Ax T2 FSE C+ `, `AX TI 3D MPRAGE`,
`<DynaSuite SurgicalNavigation_R.T2AXIAL FLAIR_TERA:ProcessedCaP`. So words are searched in normalised text, the
most specific kind first; tags decide where the text says nothing.

Definition `sequence_type/1`:
- DSC: perfusion by susceptibility contrast (perf, DSC, PWI, bolus), not DCE and not arterial spin labelling;
- DWI: diffusion (DWI, DTI, ADC, trace, tensor) or a b-value;
- FLAIR: fluid attenuated and T2-weighted ("T1 FLAIR" is T1-weighted);
- T1GD / T1: T1-weighted with contrast / without, or not known to have it;
- T2: T2-weighted, not T2*;
- OTHER: text is given and names none of these (localizers, angiography, T2*, SWI, masks ...);
- None: neither text nor tags tell.
"""

import re
from dataclasses import dataclass
from typing import Literal

SequenceType = Literal["T1", "T1GD", "T2", "FLAIR", "DWI", "DSC", "OTHER"]


CONTRAST_MODALITIES = frozenset({"MR", "CT"})
"""Where "pre" and "post" in a description speak of contrast (an ultrasound "pre_dura" is before the cut)."""


@dataclass(frozen=True)
class MrTags:
    """What the acquisition tags say. Times in ms, b-value in s/mm2; scanning_sequence holds codes (SE, IR, GR, EP)."""

    scanning_sequence: frozenset[str] = frozenset()
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    b_value: float | None = None


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# Patterns for text as `normalise` leaves it.
_T1 = r"T1(?!\d)|\bTI(?! ?\d{3})\b|MP2?RAGE|\bMPR\b|SPGR|\bBRAVO\b|\bVIBE\b"
_T2 = r"T2(?!\d)|HASTE"
_FLAIR = r"FLAIR|FLIAR|\bFLARE?\b|DARK ?FLUID"
_DSC = _any(r"\bDSC", r"PERF(?!ORM|ECT)", r"\bPWI\b", r"BOLUS", r"\bR?CB[VF]\b")
_OTHER = _any(
    r"\bMASK",
    r"\bSEG(MENTATION)?\b",
    r"\bLOC(ALI[SZ]ER)?\b",
    r"\bSCOUT",
    r"\bSURVEY",
    r"\bCALIBRATION",
    r"\bDCE",
    r"\bK ?TRANS",
    r"\bP?C?ASL\b",
    r"SPIN LABEL",
    r"\bSWI\b",
    r"\bSWAN\b",
    r"\bTOF\b",
    r"\bMR[AVS]\b",
    r"SPECTRO",
    r"\bBOLD\b",
    r"\bFMRI",
    r"CARE ?BOLUS",
    r"BOLUS TRACK",
    r"SMART ?PREP",
    r"FIELD ?MAP",
)
_KINDS: tuple[tuple[SequenceType, re.Pattern[str]], ...] = (
    ("OTHER", _OTHER),
    ("DSC", _DSC),
    (
        "DWI",
        _any(r"\bE?DWI", r"\bDTI", r"\bDIFF", r"\bADC\b", r"MDDW", r"\bTRACEW?\b", r"TENSOR", r"\bB ?(1000|[5-9]00)\b"),
    ),
    ("T1", re.compile(rf"^(?!.*({_T2}))(?=.*({_FLAIR})).*({_T1})")),  # "T1 FLAIR" nulls fluid and is T1-weighted
    ("FLAIR", re.compile(_FLAIR)),
    ("OTHER", _any(r"T2 ?\*", r"T2 ?STAR", r"\bHEMO\b")),
    ("T1", re.compile(_T1)),
    ("T2", re.compile(_T2)),
    ("T1", _any(r"\bGAD", r"\bGD\b")),  # "AXIAL 3D GAD"
)
"""Kinds by the words that name them; the first that matches holds."""

# What a word of contrast means after one of these words is the opposite; "w and wo contrast" says neither.
_NEGATED = "".join(rf"(?<!{w} )" for w in ("NO", "NON", "PRE", "WO", "W O", "WITHOUT", "SANS", "OHNE", "AVANT"))
_GADOLINIUM = _any(r"\bGAD", r"\bGD\b", r"T1 ?W? ?(GD|CE?)\b", r"\bKM\b", r"\bINJ")
_WITHOUT = _any(
    r"\bPRE(?= |$|CONTRAST|GAD|INJ)(?! ?OP)",
    r"\bNON? ?(CONTRAST|GAD)",
    r"(?<!AND )\b(W ?O|WITHOUT|SANS|OHNE|AVANT)\b",
    r"(?<![A-Z0-9])-CA?\b",
    r"\bNATIVE?\b",
    r"\bUNENHANCED",
)
_WITH = _any(
    r"POST(?= |$|CONTRAST|GAD|INJ)(?! ?(OP|SURG|RT\b|RAD|TX\b|TREAT|CHEMO))",
    r"\bC\+",
    r"\+C\b",
    r"\bCE\b",
    r"(?<!UN)ENHANCED",
    rf"{_NEGATED}({_GADOLINIUM.pattern})",
    rf"{_NEGATED}\bCONTRAST",
)
_NO_AGENT = frozenset({"", "NONE", "NO", "N", "NO CONTRAST", "WITHOUT", "NIL", "0"})


def normalise(text: str | None) -> str:
    """Upper case, with every run of separators and padding as one space; '' for nothing.

    A minus sign survives only at the start of a word ("-CA": without contrast agent), plus and star everywhere.
    """
    spaced = re.sub(r"[^A-Z0-9+*-]|(?<=[A-Z0-9])-|-(?![A-Z])", " ", (text or "").upper())
    return " ".join(spaced.split())


def contrast_of(description: str | None, agent: str | None = None) -> bool | None:
    """Whether contrast was given, or None where nothing says so or the statements contradict each other.

    description: free text of the series. agent: (0018,0010) ContrastBolusAgent, None where the tag is absent. It is
    often filled for the whole study, so an agent beside a description that says "pre" proves nothing.
    """
    text = normalise(description)
    said: set[bool] = set()
    if agent is not None and agent.strip():
        said.add(normalise(agent) not in _NO_AGENT)
    if _WITHOUT.search(text):
        said.add(False)
    if _WITH.search(text):
        said.add(True)
    if _DSC.search(text) and not _OTHER.search(text):
        return True  # it is the passage of a bolus; a "pre" in its name is a preload
    return said.pop() if len(said) == 1 else None


def sequence_type_of(
    description: str | None, contrast: bool | None = None, tags: MrTags | None = None
) -> SequenceType | None:
    """The kind of an MR series (see the definition above).

    description: series description and protocol name, joined. contrast: from `contrast_of`.
    """
    tags = tags or MrTags()
    text = normalise(description)
    kind = next((kind for kind, words in _KINDS if words.search(text)), None)
    if kind not in ("OTHER", "DSC") and (tags.b_value or 0) > 0:
        kind = "DWI"
    kind = kind or _weighting(tags) or ("OTHER" if text else None)
    return "T1GD" if kind == "T1" and contrast else kind


def _weighting(tags: MrTags) -> SequenceType | None:
    """Weighting of spin-echo and inversion-recovery sequences by their times; None where the times do not decide.

    Limits are those of radiology textbooks with room for field strengths of 1.5 and 3 T: T1 has a short TR and TE,
    T2 a long TR and TE, FLAIR also nulls fluid (TI of 1,700 to 2,800 ms), MPRAGE inverts at 600 to 1,400 ms.
    Gradient echoes without inversion are left open: their weighting rests on the flip angle and spoiling.
    """
    echo, repetition, inversion = tags.echo_time_ms, tags.repetition_time_ms, tags.inversion_time_ms or 0
    if "EP" in tags.scanning_sequence or echo is None or repetition is None:
        return None
    is_spin_echo = "SE" in tags.scanning_sequence and not inversion
    rules: tuple[tuple[SequenceType, bool], ...] = (
        ("FLAIR", 1_700 <= inversion <= 2_800 and echo >= 70),
        ("T1", 600 <= inversion <= 1_400 and echo <= 15),
        ("T1", is_spin_echo and repetition <= 1_000 and echo <= 30),
        ("T2", is_spin_echo and repetition >= 2_000 and echo >= 70),
    )
    return next((kind for kind, holds in rules if holds), None)
