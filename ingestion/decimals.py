"""Numbers as people write them: decimal point or comma, thousands in groups. What can be read two ways is refused.

`1,234` is 1.234 in France and 1234 in the United States. The other numbers of its column may tell (`12,5`; `1,234.5`);
where they do not, the site's declared decimal mark does; without one the file is refused with that reason. `1.234`
alone is 1.234, which is how software writes; a site that declares a comma may mean 1234, and there it is refused too.
"""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site

NUMBER: Final = r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?$"
OPEN_COMMA: Final = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_OPEN_POINT = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
_GROUPED = {  # by decimal mark; a single group without decimals is one of the open ones
    ".": r"^[+-]?[1-9]\d{0,2}((,\d{3})+\.\d*|(,\d{3}){2,})$",
    ",": r"^[+-]?[1-9]\d{0,2}((\.\d{3})+,\d*|(\.\d{3}){2,})$",
}
_SPACED = r"^[+-]?[1-9]\d{0,2}([ \x{A0}\x{202F}]\d{3})+([.,]\d*)?$"
_GROUP_OF = {".": ",", ",": "."}


def with_points(values: pa.Array, site: Site, column: str) -> pa.Array:
    """Text whose numbers have a decimal point and no groups of thousands; other text, and null, as it is.

    Raises FileError where the decimal mark of the column cannot be told.
    """
    is_plain = pc.fill_null(pc.match_substring_regex(values, NUMBER), True)
    has_comma = pc.any(pc.match_substring(values, ","), min_count=0).as_py()
    if not has_comma and site.decimal_mark != "," and pc.all(is_plain, min_count=0).as_py():
        return values
    encoded = values.dictionary_encode()
    texts = encoded.dictionary
    texts = pc.if_else(_is(texts, _SPACED), pc.replace_substring_regex(texts, r"[ \x{A0}\x{202F}]", ""), texts)
    mark = _decimal_mark(texts, site, column)
    if mark is not None:
        is_open = _is(texts, OPEN_COMMA if mark == "." else _OPEN_POINT)
        is_grouped = pc.or_(is_open, _is(texts, _GROUPED[mark]))
        texts = pc.if_else(is_grouped, pc.replace_substring(texts, _GROUP_OF[mark], ""), texts)
    points = pc.if_else(_is(texts, NUMBER), pc.replace_substring(texts, ",", "."), texts)
    return points.take(encoded.indices)


def told_by(columns: Iterable[pa.Array], site: Site) -> Site:
    """The site with the decimal mark that numbers of these columns prove; as it is where they prove none, or both.

    For columns of one export, which has one locale: what one of them proves holds for the others.
    """
    columns = list(columns)
    if not any(pc.any(pc.match_substring(c, ","), min_count=0).as_py() for c in columns) and site.decimal_mark != ",":
        return site
    texts = pa.concat_arrays([pc.unique(c) for c in columns])
    comma, point = _proves(texts, ",", OPEN_COMMA), _proves(texts, ".", _OPEN_POINT)
    return site if comma == point else site.model_copy(update={"decimal_mark": "," if comma else "."})


def settled(values: pa.Array, site: Site, column: str) -> pa.Array:
    """The texts as they were written, but for those that only their column explains: these as `with_points` has them.

    For numbers that are read later, one by one. Raises FileError as `with_points` does.
    """
    points = with_points(values, site, column)
    alone = pc.and_(pc.match_substring_regex(values, NUMBER), pc.invert(pc.match_substring_regex(values, OPEN_COMMA)))
    is_grouped_point = pc.and_(_is(values, _OPEN_POINT), pc.fill_null(pc.not_equal(points, values), False))
    return pc.if_else(pc.and_(pc.fill_null(alone, True), pc.invert(is_grouped_point)), values, points)


def _decimal_mark(texts: pa.Array, site: Site, column: str) -> str | None:
    """What the numbers prove, else what the site declares; None: neither, and no number needs it."""
    comma, point = _proves(texts, ",", OPEN_COMMA), _proves(texts, ".", _OPEN_POINT)
    has_open_comma, has_open_point = bool(_any(texts, OPEN_COMMA)), bool(_any(texts, _OPEN_POINT))
    if comma != point:
        return "," if comma else "."
    if site.decimal_mark == "," and has_open_point:
        raise FileError(
            f"Numbers in column {column} can be read two ways (a point before three digits, where site "
            f"{site.site_id} declares a decimal comma); expected numbers without groups of thousands."
        )
    if site.decimal_mark is None and has_open_comma:
        raise FileError(
            f"Numbers in column {column} can be read two ways (the comma marks decimals or groups thousands); "
            f"declare decimal_mark for site {site.site_id} in the settings file."
        )
    return site.decimal_mark


def _proves(texts: pa.Array, mark: str, is_open: str) -> bool:
    """Whether some number has this decimal mark beyond doubt."""
    has_mark = pc.and_(_is(texts, NUMBER), pc.fill_null(pc.match_substring(texts, mark), False))
    alone = pc.and_(has_mark, pc.invert(_is(texts, is_open)))
    return bool(pc.any(pc.or_(alone, _is(texts, _GROUPED[mark])), min_count=0).as_py())


def _is(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), False)


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(_is(texts, pattern), min_count=0).as_py())
