"""What a card is made of, and how it reads: as Markdown, and as one HTML page that asks nobody for anything."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

OPEN = "open"
"""Mark of an item that the authors have to answer."""


@dataclass(frozen=True)
class Heading:
    """level: 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Lead:
    """What must not be missed, a sentence each."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """rows: cells as text; numeric: positions of columns that are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A picture of the run. name: its file among the run's plots."""

    title: str
    name: str
    png: bytes


Block = Heading | Text | Lead | Table | Figure


def markdown(blocks: Sequence[Block]) -> str:
    """The card as Markdown; figures are named, and lie in the run."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Text(text):
            return _escaped(text)
        case Lead(sentences):
            return "\n>\n".join(f"> {_escaped(sentence)}" for sentence in sentences)
        case Table(header, rows, numeric):
            rule = [("---:" if i in numeric else "---") for i in range(len(header))]
            lines = [header, tuple(rule), *rows]
            return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)
        case Figure(title, name, _):
            return f"{title}: `plots/{name}` of the run."


def page(title: str, blocks: Sequence[Block]) -> str:
    """The card as a page with style and figures inside."""
    style = resources.files("training.comparison").joinpath("page.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body><main>"
        f"{''.join(_html(block) for block in blocks)}"
        "<footer>Made by oncolake from a run in MLflow. For research and decision support only; no medical device."
        "</footer></main></body></html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{html.escape(text)}</p>"
        case Lead(sentences):
            return f'<div class="lead">{"".join(f"<p>{html.escape(s)}</p>" for s in sentences)}</div>'
        case Table(header, rows, numeric):
            top = "".join(f'<th scope="col"{_number(i, numeric)}>{html.escape(h)}</th>' for i, h in enumerate(header))
            body = "".join(
                "<tr>" + "".join(f"<td{_number(i, numeric)}>{html.escape(c)}</td>" for i, c in enumerate(row)) + "</tr>"
                for row in rows
            )
            return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
        case Figure(title, _, png):
            data = base64.b64encode(png).decode()
            return (
                f"<figure><figcaption>{html.escape(title)}</figcaption>"
                f'<img alt="{html.escape(title)}" style="max-width:100%" src="data:image/png;base64,{data}"></figure>'
            )


def _number(position: int, numeric: tuple[int, ...]) -> str:
    return ' class="n"' if position in numeric else ""


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|").replace("\n", " ")


def _escaped(text: str) -> str:
    """Names with underscores and signs of comparison are text, and no emphasis or markup."""
    return text.replace("_", "\\_").replace("<", "&lt;")
