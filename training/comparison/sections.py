"""Sections of the page that are words and tables: in short, what is asked, the models, where the numbers come from."""

import html
import math
from datetime import UTC, datetime

from training.comparison import charts
from training.comparison.metrics import metric, shown
from training.comparison.sides import SHORT, Entry, SideBySide


def in_short(sides: SideBySide) -> list[str]:
    """What the comparison shows, in a few sentences that claim no more than the intervals do."""
    of, best, reference = metric(sides.task.primary_metric), sides.best, sides.reference
    if best is None:
        return ["No model but the trivial baseline has a value."]
    said = [f"{best.label} has the highest {of.label}: {best.primary.text()}."]
    if best.is_reference or reference is None:
        said[0] += " No other model reaches the clinical baseline." if best.is_reference else ""
    elif best.difference.has_limits:
        low, high = best.difference.low, best.difference.high
        if low > 0:
            verdict = "the interval lies above zero"
        elif high < 0:
            verdict = "the interval lies below zero"
        else:
            verdict = "the interval includes zero, so these patients show no difference"
        said.append(
            f"The reference {reference.label} has {reference.primary.text()}. The difference, in pairs over the same "
            f"patients: {best.difference.text(signed=True)}; {verdict}."
        )
    if not math.isnan(best.permutation_p):
        said.append(f"Permutation test: p = {best.permutation_p:.3f}, how often permuted labels do as well.")
    elif of.chance is not None and best.primary.has_limits and best.primary.low <= of.chance:
        said.append("Its own interval includes what a model without skill reaches.")
    return said


def cohort(sides: SideBySide) -> str:
    """The task's words, and the way of the cohort as a diagram."""
    task, first = sides.task, sides.entries[0]
    asked = {"Cohort": task.cohort, "Predicted at": task.prediction_time, "Horizon": task.horizon}
    words = "".join(f"<dt>{_e(name)}</dt><dd>{_e(text)}</dd>" for name, text in asked.items() if text)
    n, positive = first.count("n_rows"), first.count("n_positive")
    patients = first.count("n_groups")
    last = ""
    if n is not None and positive is not None and task.kind != "profiles":
        last = f"{positive:,} with the outcome, {n - positive:,} without"
        last += f" ({patients:,} patients)" if patients not in (None, n) else ""
    figure = charts.flow(sides.lineage.flow, n, last)
    return (
        f'<section><h2>What is asked, and of whom</h2><dl class="asked">{words}</dl>'
        f'<figure class="cohort">{figure}</figure></section>'
    )


def models_table(sides: SideBySide) -> str:
    """The models with their metrics and intervals, in the order of the terminal's table."""
    task, best = sides.task, sides.best
    names = shown(task, sides.metric_names)
    has_difference = any(e.difference.is_known for e in sides.entries)
    has_seeds = any(not math.isnan(e.seed_sd) for e in sides.entries)
    has_p = any(not math.isnan(e.permutation_p) for e in sides.entries)
    heads = ["model", *(_head(n) for n in names)]
    heads += [f"{metric(task.primary_metric).label} less {task.reference}"] if has_difference else []
    heads += ["SD over seeds"] if has_seeds else []
    heads += ["permutation p"] if has_p else []
    top = "".join(f'<th scope="col"{"" if i == 0 else NUMBER}>{_e(h)}</th>' for i, h in enumerate(heads))
    what = "Values" if task.kind == "profiles" else "Out-of-fold values"
    body = ""
    for entry in sides.entries:
        cells = [_two(entry.interval(n).text()) for n in names]
        cells += [_two(entry.difference.text(signed=True))] if has_difference else []
        cells += [_number(entry.seed_sd)] if has_seeds else []
        cells += [_number(entry.permutation_p)] if has_p else []
        row = "".join(f"<td{NUMBER}>{cell}</td>" for cell in cells)
        opened = '<tr class="best">' if entry is best else "<tr>"
        about = "" if entry.is_permuted else _tags(entry, best) + _about(entry)
        body += f'{opened}<th scope="row">{_e(entry.label)}{about}</th>{row}</tr>'
    return (
        f'<section><h2>The models</h2><p class="note">{what} with 95 % intervals over patients. The trivial '
        "baseline and the reference come first, then the others by the first column.</p>"
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div></section>'
    )


def provenance(sides: SideBySide) -> str:
    """Which data, definitions and runs the numbers rest on."""
    lineage, first = sides.lineage, sides.entries[0]
    gold = ", ".join(f"{_e(n)} v{v}" for n, v in sorted(lineage.table_versions.items()))
    silver = ", ".join(f"{_e(n)} v{v}" for n, v in sorted(lineage.label_versions.items()))
    runs = ", ".join(f"{_e(e.label)} <code>{e.run.run_id[:SHORT]}</code>" for e in sides.entries)
    newest = datetime.fromtimestamp(max(e.run.start_time for e in sides.entries) / 1000, UTC)
    params = first.run.params
    folds = [
        f"{params['folds']} folds" if "folds" in params else "",
        f"seed {params['seed']}" if "seed" in params else "",
    ]
    rows = {
        "Training set": f"<code>{_e(lineage.digest)}</code>",
        "Feature service": f"<code>{_e(lineage.service)}</code>",
        "Definitions": f"<code>{_e(lineage.definitions_hash)}</code>",
        "Feature tables": gold,
        "Label tables": silver,
        "Files": f"{len(lineage.file_ids):,} behind the features, {len(lineage.label_file_ids):,} behind the labels",
        "Leakage test": _e(first.run.tags.get("leakage", "not recorded")),
        "Splits": _e(", ".join(filter(None, folds)) + "; patients whole"),
        "Runs": f"{runs}; the newest of {newest:%Y-%m-%d %H:%M} UTC",
    }
    words = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items() if text)
    return (
        f'<section><h2>Where the numbers come from</h2><p class="note"><code>oncolake trace RUN</code> follows a run '
        "down to its files, <code>oncolake replay RUN</code> makes it again.</p>"
        f'<dl class="asked">{words}</dl></section>'
    )


NUMBER = ' class="n"'


def _head(name: str) -> str:
    known = metric(name)
    return known.label + (" (lower is better)" if known.lower_is_better else "")


def _two(cell: str) -> str:
    """A value with its interval below it."""
    value, _, interval = cell.partition(" (")
    shown_value = value.replace("-", "\N{MINUS SIGN}")
    return shown_value + (f"<small>{interval.rstrip(')').replace('-', MINUS)}</small>" if interval else "")


MINUS = "\N{MINUS SIGN}"


def _number(value: float) -> str:
    return MINUS if math.isnan(value) else f"{value:.3f}"


def _tags(entry: Entry, best: Entry | None) -> str:
    tags = ['<span class="tag">trivial baseline</span>'] if entry.is_baseline else []
    tags += ['<span class="tag">reference</span>'] if entry.is_reference else []
    tags += ['<span class="tag top">highest</span>'] if entry is best else []
    return "<br>" + "".join(tags) if tags else ""


def _about(entry: Entry) -> str:
    description = entry.run.tags.get("mlflow.note.content", "")
    return f"<small>{_e(description)}</small>" if description else ""


def _e(words: str) -> str:
    return html.escape(words)
