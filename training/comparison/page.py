"""A comparison as one page: HTML with its style and figures inside, that asks nobody for anything.

The numbers are those of the terminal. Nothing of a single patient is on it: counts, metrics, and groups of at least
ten patients (`calibration.FEWEST`).
"""

import html
import math
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

from infra.lake import Lake
from training.artefacts import predictions
from training.comparison import charts
from training.comparison.calibration import FEWEST, Group, groups_of
from training.comparison.metrics import NAN, Interval, Metric, is_value, metric, shown
from training.comparison.sections import cohort, in_short, models_table, provenance
from training.comparison.sides import Entry, SideBySide
from training.tracking import Tracker

if TYPE_CHECKING:
    from training.comparison.charts import Row

Calibrated = Sequence[tuple[Entry, tuple[Group, ...]]]


def page_of(lake: Lake, sides: SideBySide) -> str:
    """The page of a comparison; the predictions that calibration is drawn from are read from the runs' artefacts."""
    tracker = Tracker(lake)
    found = [(entry, predictions(tracker, entry.run)) for entry in sides.honest]
    groups = [(entry, groups_of(sides.task, rows)) for entry, rows in found if rows is not None]
    return page(sides, [(entry, g) for entry, g in groups if g])


def page(sides: SideBySide, calibrated: Calibrated) -> str:
    """The page as a pure function of the runs and of their groups of predictions."""
    task = sides.task
    style = resources.files("training.comparison").joinpath("page.css").read_text()
    parts = [
        f'<p class="over">{_e(task.name.replace("_", " "))}: {len(sides.honest)} models compared</p>',
        f"<h1>{_e(task.question)}</h1>",
        f'<div class="lead">{"".join(f"<p>{_e(s)}</p>" for s in in_short(sides))}</div>',
        cohort(sides),
        models_table(sides),
        _primary(sides),
        _differences(sides),
        _calibration(sides, calibrated),
        _modalities(sides),
        _sites(sides),
        _all_metrics(sides),
        provenance(sides),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_e(task.name)}: models compared</title><style>{style}</style></head><body><main>"
        f"{''.join(parts)}"
        "<footer>Made by oncolake from runs in MLflow. For research and decision support only; no medical device."
        "</footer></main></body></html>\n"
    )


def _forest(of: Metric, title: str, rows: Sequence[charts.Row]) -> str:
    """Values of a metric, with a line where there is no skill."""
    at_label = "" if of.chance is None else f"no skill, {of.chance:g}"
    return charts.forest(title, rows, axis=of.label, at=of.chance, at_label=at_label)


def _primary(sides: SideBySide) -> str:
    of = metric(sides.task.primary_metric)
    rows = [_row(e) for e in sides.entries if e.primary.is_known]
    if not rows:
        return ""
    figure = _forest(of, f"{of.label} of each model", rows)
    note = "Dots are models, hollow diamonds the baselines and permuted labels; lines are 95 % intervals over patients."
    return _section(f"{of.label}", note, f"<figure>{figure}</figure>")


def _differences(sides: SideBySide) -> str:
    of, reference = metric(sides.task.primary_metric), sides.task.reference
    rows = [
        charts.Row(e.label, e.difference, "plain" if e.is_baseline or e.is_permuted else "model")
        for e in sides.entries
        if e.difference.is_known and not e.is_reference
    ]
    if not rows:
        return ""
    figure = charts.forest(
        f"{of.label} less that of {reference}",
        rows,
        axis=f"difference of {of.label}",
        at=0.0,
        at_label=f"as {reference}",
        signed=True,
        ends=("worse", "better"),
    )
    note = (
        f"Each model against {reference} on the same patients in the same folds: pairs, so that easy and hard patients "
        "count alike for both. An interval that includes zero shows no difference."
    )
    return _section(f"What each model adds to {reference}", note, f"<figure>{figure}</figure>")


def _calibration(sides: SideBySide, calibrated: Calibrated) -> str:
    if not calibrated:
        return ""
    task = sides.task
    most = min(1.0, max(max(g.predicted, g.observed) for _, groups in calibrated for g in groups) * 1.05)
    panels = "".join(
        f"<figure><figcaption>{_e(entry.label)}</figcaption>"
        f"{charts.calibration(f'Calibration of {entry.label}', groups, most)}</figure>"
        for entry, groups in calibrated
    )
    rows = [
        (entry.label, f"{g.predicted:.3f}", f"{g.observed:.3f}", _limits(g), f"{g.n:,}")
        for entry, groups in calibrated
        for g in groups
    ]
    if task.kind == "survival":
        what = f"share with the event within {task.horizon_days:.0f} days, observed by Kaplan-Meier"
    else:
        what = "share with the outcome"
    note = (
        f"Across: predicted {what.split(',', maxsplit=1)[0]}; up: what was observed. On the dashed line a prediction "
        f"can be taken at its word. Out-of-fold; each dot is a group of at least {FEWEST} patients."
    )
    head = ("model", "predicted", "observed", "95 % interval", "patients")
    numbers = _details(f"The groups as numbers ({what})", _table(head, rows, left=1))
    return _section("Calibration", note, f'<div class="panels">{panels}</div>{numbers}')


def _modalities(sides: SideBySide) -> str:
    entry = next((e for e in _by_value(sides) if e.parts), None)
    if entry is None:
        return ""
    of = metric(sides.task.primary_metric)
    adds = [charts.Row(p.modality, -p.difference) for p in entry.parts if p.is_without and p.difference.is_known]
    alone = [charts.Row(p.modality, p.value) for p in entry.parts if not p.is_without and p.value.is_known]
    figures = ""
    if adds:
        drawn = charts.forest(
            "What each modality adds to all the others",
            adds,
            axis=f"{of.label} with it, less without it",
            at=0.0,
            at_label="adds nothing",
            signed=True,
        )
        figures += f"<figure><figcaption>Added to all the others</figcaption>{drawn}</figure>"
    if alone:
        drawn = _forest(of, "Each modality alone", [*alone, charts.Row("all modalities", entry.primary, "plain")])
        figures += f"<figure><figcaption>Each alone</figcaption>{drawn}</figure>"
    rows = [
        (e.label, f"without {p.modality}" if p.is_without else f"{p.modality} alone", p.value.text(),
         p.difference.text(signed=True))
        for e in sides.honest
        for p in e.parts
    ]  # fmt: skip
    head = ("model", "fitted", of.label, "less the full model's")
    note = (
        f"{entry.label}, fitted again without each kind of examination and on each alone, on the same folds. What two "
        "kinds both tell, neither adds to the other."
    )
    numbers = _details("Every model as numbers", _table(head, rows, left=2))
    return _section("What each modality adds", note, figures + numbers)


def _sites(sides: SideBySide) -> str:
    best, of = sides.best, metric(sides.task.primary_metric)
    asked = [e for e in sides.honest if e.sites and (e is best or e.is_reference)]
    if not asked:
        return ""
    names = sorted({site.name for entry in asked for site in entry.sites})
    rows: list[Row] = []
    for name in names:
        found = [(entry, site) for entry in asked for site in entry.sites if site.name == name]
        size = next(
            (f"{s.n_patients:,} patients, {s.n_positive or 0:,} with the outcome" for _, s in found if s.n_patients), ""
        )
        rows.append(charts.Row(name, Interval(NAN), "heading", size))
        rows += [charts.Row(f"   {e.label}", s.value, "plain" if e.is_reference else "model") for e, s in found]
    if not any(row.interval.is_known for row in rows):
        return ""
    figure = _forest(of, f"{of.label} at each site left out", rows)
    note = "Trained on all other sites, tested at the one that is named: what a new hospital might see."
    return _section("Sites that no training patient came from", note, f"<figure>{figure}</figure>")


def _all_metrics(sides: SideBySide) -> str:
    names = [n for n in sides.metric_names if is_value(n)]
    names = [n for n in names if n not in shown(sides.task, names) and "_site_" not in n]
    if not names:
        return ""
    rows = [(metric(n).label, *(e.interval(n).text() for e in sides.entries)) for n in names]
    return _details("Further metrics", _table(("", *(e.label for e in sides.entries)), rows, left=1))


def _by_value(sides: SideBySide) -> list[Entry]:
    known = [e for e in sides.honest if e.primary.is_known]
    return sorted(known, key=lambda e: -e.primary.value)


def _row(entry: Entry) -> "Row":
    is_plain = entry.is_baseline or entry.is_reference or entry.is_permuted
    return charts.Row(entry.label, entry.primary, "plain" if is_plain else "model")


def _limits(group: Group) -> str:
    return "-" if math.isnan(group.low) else f"{group.low:.3f} to {group.high:.3f}"


def _section(heading: str, note: str, inside: str) -> str:
    return f'<section><h2>{_e(heading)}</h2><p class="note">{_e(note)}</p>{inside}</section>'


def _details(summary: str, inside: str) -> str:
    return f"<details><summary>{_e(summary)}</summary>{inside}</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """left: how many columns hold words; the others hold numbers."""
    side = ["" if i < left else ' class="n"' for i in range(len(head))]
    top = "".join(f'<th scope="col"{s}>{_e(name)}</th>' for name, s in zip(head, side, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{s}>{_e(cell)}</td>" for cell, s in zip(row, side, strict=True)) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _e(words: str) -> str:
    return html.escape(words)
