"""One spelling for identifiers that people and instruments spell in several ways, before they become pseudonyms.

`GBM-001_W4` of the laboratory and `GBM001 W4` of the specimen table are one sample; as pseudonyms they would never
meet. How a hospital spells is its own to declare (`infra.sites.IdRule`). Expressions run in RE2, whose time is linear
in the text (https://github.com/google/re2/wiki/Syntax), over distinct values only.
"""

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from infra.sites import IdRule


def group_names(pattern: str) -> list[str]:
    """The named groups of an RE2 expression, in its order.

    Raises ValueError where it is no RE2 expression, has a group without a name, or has no group.
    """
    try:
        names = [f.name for f in pc.extract_regex(pa.array([""]), pattern).type]
    except pa.ArrowInvalid as error:
        raise ValueError(f"the pattern cannot be used ({str(error).removesuffix('.')}); see RE2's syntax") from error
    if not names:
        raise ValueError("the pattern names no group; expected such as (?P<patient>\\d+)")
    return names


def normalised(values: pa.Array, rule: "IdRule") -> pa.Array:
    """Identifiers in the rule's one spelling; null stays null.

    Applying it twice is applying it once: where the rule would spell its own result in another way, the identifier
    stays as it is.
    """
    encoded = values.cast(pa.string()).dictionary_encode()
    texts = pc.utf8_normalize(pc.utf8_trim_whitespace(encoded.dictionary), "NFC")
    spelled = _spelled(texts, rule)
    is_settled = pc.fill_null(pc.equal(_spelled(spelled, rule), spelled), False)
    return pc.if_else(is_settled, spelled, texts).take(encoded.indices)


def normalised_one(identifier: str, rule: "IdRule | None") -> str:
    """`normalised` for one identifier; as it is without a rule."""
    if rule is None:
        return identifier
    return str(normalised(pa.array([identifier], pa.string()), rule)[0].as_py())


def _spelled(texts: pa.Array, rule: "IdRule") -> pa.Array:
    if rule.remove:
        characters = "".join(f"\\x{{{ord(c):X}}}" for c in rule.remove)
        texts = pc.replace_substring_regex(texts, f"[{characters}]", "")
    if rule.case is not None:
        texts = pc.utf8_upper(texts) if rule.case == "upper" else pc.utf8_lower(texts)
    if rule.pattern is None:
        return pc.utf8_normalize(pc.utf8_trim_whitespace(texts), "NFC")
    parts = pc.extract_regex(texts, whole(rule.pattern))
    joined = pa.nulls(len(texts), pa.string())
    for name in group_names(rule.pattern):
        part = _padded(pc.struct_field(parts, name), rule.pad.get(name, 0))
        part = pc.if_else(pc.not_equal(part, ""), part, None)
        both = pc.binary_join_element_wise(joined, part, rule.separator)
        joined = pc.coalesce(both, joined, part)
    return pc.coalesce(pc.if_else(pc.is_valid(parts), joined, None), texts)


def whole(pattern: str) -> str:
    """The expression, to match a text from end to end."""
    return rf"\A(?:{pattern})\z"


def _padded(part: pa.Array, width: int) -> pa.Array:
    """Digits without leading zeros, then zeros up to the width; other text, and any text for width 0, as it is."""
    if not width:
        return part
    digits = pc.utf8_lpad(pc.utf8_ltrim(part, "0"), width, "0")
    return pc.if_else(pc.match_substring_regex(part, r"\A[0-9]+\z"), digits, part)
