"""The card of a model as blocks: pure, from the facts of its run."""

import re
from collections.abc import Iterable, Mapping

from training.comparison.metrics import Interval, is_value, metric
from training.registry.card.answers import INTENDED_USE, Answer, answers, count, evaluated, limits
from training.registry.card.blocks import OPEN, Block, Figure, Heading, Lead, Table, Text
from training.registry.card.facts import FIGURES, Facts
from training.registry.card.predictors import Predictor, predictors
from training.registry.card.tripod import DOI, ITEMS, SECTIONS
from training.task import Task


def card_of(facts: Facts) -> list[Block]:
    """Title, use, performance, participants, predictors, limits, lineage, and every item of TRIPOD+AI."""
    columns = facts.serving.columns if facts.serving else facts.lineage.features
    known = predictors(columns, facts.cohort.get("missing_share", {}))
    return [
        Heading(1, f"Model card: {facts.task.name}, {facts.run.tags['model']}"),
        Lead((INTENDED_USE, *_standing(facts))),
        Text(f"{facts.task.question} {facts.description}"),
        *_performance(facts),
        *_sites(facts),
        *_participants(facts),
        *_predictors(known),
        Heading(2, "Limits"),
        *(Text(sentence) for sentence in limits(facts)),
        *_use(facts),
        *_lineage(facts),
        *_checklist(answers(facts, known)),
    ]


def in_short(facts: Facts) -> str:
    """A few lines of Markdown: what the registry shows of a version."""
    primary = facts.task.primary_metric
    lines = [
        f"**{facts.run.tags['model']}**: {facts.task.question}",
        INTENDED_USE,
        f"{metric(primary).label}: {Interval.of(facts.run.metrics, primary).text()}. {evaluated(facts)}",
        *_standing(facts),
        f"Trained on {facts.lineage.service}, digest {facts.lineage.digest[:16]}.",
        "The whole card: model_card.html and model_card.md among the artefacts of the run.",
    ]
    return "\n\n".join(lines)


def _standing(facts: Facts) -> list[str]:
    version = facts.version
    if version is None:
        return ["It is not registered."]
    said = f"Version {version.version} of {version.task}"
    said += f", {' and '.join(version.aliases)}." if version.aliases else "."
    return [said, *filter(None, [version.promotion])]


def _performance(facts: Facts) -> list[Block]:
    metrics, primary = facts.run.metrics, facts.task.primary_metric
    names = [n for n in metrics if is_value(n) and f"{n}_low" in metrics and n != primary]
    rows = [
        (_label(facts.task, name), Interval.of(metrics, name).text())
        for name in (primary, *sorted(names))
        if name in metrics and "_site_" not in name
    ]
    rows += [(f"{metric(primary).label} less {facts.task.reference}", _signed(metrics, "versus_reference"))]
    seeds = Interval.of(metrics, f"{primary}_seed_mean"), metrics.get(f"{primary}_seed_sd")
    if seeds[1] is not None:
        rows.append(
            (
                f"{metric(primary).label}, over splits: mean, SD",
                f"{seeds[0].value:.3f}, {seeds[1]:.3f}",
            )
        )
    if "permutation_p" in metrics:
        rows.append(("permuted labels reach as much: p", f"{metrics['permutation_p']:.3f}"))
    others = [
        (name, Interval.of(run.metrics, primary).text())
        for name in (facts.task.candidates[0].name, facts.task.reference)
        if (run := facts.baselines.get(name)) is not None and name != facts.run.tags["model"]
    ]
    return [
        Heading(2, "Performance"),
        Text(evaluated(facts)),
        Table(("metric", "value (95 % interval)"), tuple(row for row in rows if row[1] != "-"), numeric=(1,)),
        *([Table(("baseline", metric(primary).label), tuple(others), numeric=(1,))] if others else []),
        *(Figure(FIGURES[name], name, png) for name, png in facts.figures.items()),
    ]


def _label(task: Task, name: str) -> str:
    """A metric as people write it, at whatever horizon and in whatever subgroup it is."""
    for subgroup in task.subgroups:
        if name.endswith(f"_{subgroup.name}"):
            return f"{_label(task, name.removesuffix(f'_{subgroup.name}'))}, {subgroup.name.replace('_', ' ')}"
    at = re.fullmatch(r"(\w+)_(\d+)m", name)
    return metric(f"{at[1]}_12m").label.replace("12 months", f"{at[2]} months") if at else metric(name).label


def _signed(metrics: Mapping[str, float], name: str) -> str:
    return Interval.of(metrics, name).text(signed=True)


def _sites(facts: Facts) -> list[Block]:
    primary = facts.task.primary_metric
    rows = [
        (run.tags.get("site", ""), Interval.of(run.metrics, primary).text())
        for run in sorted(facts.children.get("site", ()), key=lambda r: r.tags.get("site", ""))
    ]
    if not rows:
        return []
    head = ("site left out", metric(primary).label)
    return [Heading(2, "Sites"), Text("Trained at the other sites, tested there."), Table(head, tuple(rows), (1,))]


def _participants(facts: Facts) -> list[Block]:
    flow = tuple((step, count(n)) for step, n in facts.lineage.flow.items())
    blocks: list[Block] = [Heading(2, "Participants"), Table(("step of the cohort", "units"), flow, (1,))]
    cohort = facts.cohort
    if not cohort:
        return blocks
    sites = tuple((name, count(of["n_patients"]), count(of["n_with_outcome"])) for name, of in cohort["sites"].items())
    missing = tuple(
        (name, str(of["n_features"]), f"{of['missing_share']:.0%}") for name, of in cohort["modalities"].items()
    )
    return [
        *blocks,
        Table(("site", "patients", "with the outcome"), sites, (1, 2)),
        Table(("modality", "features", "rows without any value of it"), missing, (1, 2)),
    ]


def _predictors(known: list[Predictor]) -> list[Block]:
    if not known:
        return [Heading(2, "Predictors"), Text("None: it predicts the same for everyone.")]
    rows = tuple(
        (p.name, p.unit, p.description, p.definition, "" if p.missing is None else f"{p.missing:.0%}") for p in known
    )
    return [
        Heading(2, "Predictors"),
        Text("Units in UCUM; a definition is the name and version of how a feature is computed."),
        Table(("predictor", "unit", "what it is", "definition", "missing"), rows, (4,)),
    ]


def _use(facts: Facts) -> list[Block]:
    task = facts.task
    name = f"{task.name}, version {facts.version.version}" if facts.version else f"run {facts.run.run_id}"
    return [
        Heading(2, "Use"),
        Text(
            f"Load the logged model ({name}) with mlflow.pyfunc and ask with the columns {task.entity} and "
            "event_timestamp: it fetches the features as known then. mlflow.sklearn loads the estimator alone."
        ),
    ]


def _lineage(facts: Facts) -> list[Block]:
    lineage, tags = facts.lineage, facts.run.tags
    rows = [
        ("run", facts.run.run_id),
        ("training set, SHA-256", lineage.digest),
        ("feature service", lineage.service),
        ("feature definitions, SHA-256", lineage.definitions_hash),
        ("code of the training, SHA-256", tags.get("code", "not said")),
        ("plan", tags.get("plan", "not said")),
        *((f"gold.{name}", f"Delta version {v}") for name, v in sorted(lineage.table_versions.items())),
        *((f"silver.{name}", f"Delta version {v}") for name, v in sorted(lineage.label_versions.items())),
        ("files behind features", f"{len(lineage.file_ids):,}"),
        ("files behind labels", f"{len(lineage.label_file_ids):,}"),
    ]
    files = tuple((*kind, f"{n:,}") for kind, n in sorted(facts.files.items()))
    return [
        Heading(2, "Lineage"),
        Table(("what", "which"), tuple(rows)),
        *([Table(("source", "format", "site", "files"), files, (3,))] if files else []),
        Text("oncolake trace, with the run's id, lists every file."),
    ]


def _checklist(known: dict[str, Answer]) -> Iterable[Block]:
    whole = sum(not a.still for a in known.values())
    part = len(known) - whole
    yield Heading(2, "TRIPOD+AI")
    yield Text(
        f"Collins and others 2024, doi {DOI}; 27 items with {len(ITEMS)} parts. This run answers {whole}, and {part} "
        f"in part; {len(ITEMS) - len(known)} are open and for the authors of a study to answer."
    )
    for section in SECTIONS:
        yield Heading(3, section)
        rows = tuple(
            (item.number, item.topic, _status(known.get(item.number)), _text(known.get(item.number)))
            for item in ITEMS
            if item.section == section
        )
        yield Table(("item", "topic", "state", "what the run says"), rows)


def _status(answer: Answer | None) -> str:
    if answer is None:
        return OPEN
    return "in part" if answer.still else "answered"


def _text(answer: Answer | None) -> str:
    if answer is None:
        return "For the authors."
    return f"{answer.text} Open: {answer.still}." if answer.still else answer.text
