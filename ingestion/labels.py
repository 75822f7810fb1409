"""Short labels: the only text of a cell that is kept beside codes and numbers. Longer text may be a sentence."""

import pyarrow as pa
import pyarrow.compute as pc

# Counted apart: a repetition of these Unicode classes up to a limit takes RE2 some 40 ms to compile, for each file.
_CHARACTERS = r"^[\p{L}\p{N}%{/][\p{L}\p{N} _.,'/%()\[\]+:{}²µμ-]*$"
MAX_LABEL = 60


def is_label(values: pa.Array) -> pa.Array:
    """Whether each text is up to 60 letters, digits and simple punctuation, on one line; null stays null."""
    return pc.and_(pc.match_substring_regex(values, _CHARACTERS), pc.less_equal(pc.utf8_length(values), MAX_LABEL))
