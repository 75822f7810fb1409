"""One spelling for identifiers: what a rule makes of them, that twice is once, and which rules are refused."""

import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.identifiers import normalised, normalised_one
from infra.sites import IdRule

SAMPLES = IdRule(
    case="upper",
    pattern=r"(?P<study>GBM)[-_ ]?(?P<patient>\d{1,4})[-_ ](?P<timepoint>BL|W\d{1,2})(?:[-_ ](?:PLASMA|SERUM))?",
    pad={"patient": 3, "timepoint": 2},
    examples={"GBM-001_W4": "GBM-001-W4"},
)
RULES = [
    SAMPLES,
    IdRule(remove="-_ .", case="lower"),
    IdRule(case="upper"),
    IdRule(pattern=r"(?:P|PAT)?0*(?P<n>\d+)", pad={"n": 4}, examples={"PAT12": "0012"}),
    # A rule that would spell its own result in another way each time.
    IdRule(pattern=r"(?P<a>.)(?P<b>.*)", separator="--", examples={"": ""}),
]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("GBM-001_W4", "GBM-001-W4"),
        ("GBM001 W4", "GBM-001-W4"),
        (" gbm 1 w4 plasma ", "GBM-001-W4"),
        ("GBM1234-BL", "GBM-1234-BL"),
        ("GBM-001-W4", "GBM-001-W4"),
        ("Standard1", "STANDARD1"),  # no sample of the study: its case alone
        ("GBM000 BL", "GBM-000-BL"),
        (None, None),
    ],
)
def test_spellings_of_one_sample_meet(given: str | None, expected: str | None) -> None:
    assert normalised(pa.array([given], pa.string()), SAMPLES).to_pylist() == [expected]


def test_characters_are_removed_and_one_identifier_is_like_many() -> None:
    assert normalised_one("GBM-001_W4", RULES[1]) == normalised_one("GBM001 w4", RULES[1]) == "gbm001w4"
    assert normalised_one("GBM-001_W4", None) == "GBM-001_W4"


@given(st.lists(st.none() | st.text() | st.from_regex(r"[A-Z]{0,3}[-_ ]?0{0,3}\d{0,4}[-_ ]?(W\d|BL)?", fullmatch=True)))
def test_twice_is_once(texts: list[str | None]) -> None:
    for rule in RULES:
        once = normalised(pa.array(texts, pa.string()), rule)
        assert normalised(once, rule).equals(once)
        assert [t is None for t in texts] == [t is None for t in once.to_pylist()]


def test_no_expression_hangs() -> None:
    rule = IdRule(pattern=r"(?P<a>(?:(?:a+)+)+)b", examples={"ab": "a"})
    began = time.monotonic()
    normalised(pa.array(["a" * 50_000 + "c"]), rule)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"pattern": r"(\d+)", "examples": {"1": "1"}}, "unnamed groups"),
        ({"pattern": r"(?P<a>\d+", "examples": {"1": "1"}}, "the pattern cannot be used"),
        ({"pattern": r"\d+", "examples": {"1": "1"}}, "names no group"),
        ({"pattern": r"(?P<a>\d+)(?=x)", "examples": {"1": "1"}}, "the pattern cannot be used"),
        ({"pattern": r"(?P<a>\d+)"}, "a pattern needs examples"),
        ({"pattern": r"(?P<a>\d+)", "pad": {"b": 3}, "examples": {"1": "1"}}, "pad names b"),
        ({"pattern": r"(?P<a>\d+)", "pad": {"a": 0}, "examples": {"1": "1"}}, "expected 1 to 20"),
        ({"pattern": r"P(?P<a>\d+)", "examples": {"P1": "P1"}}, "comes out as '1' and not as 'P1'"),
        ({"case": "title"}, "'upper' or 'lower'"),
    ],
)
def test_a_rule_that_cannot_be_right_is_refused(declared: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        IdRule.model_validate(declared)
