"""The main job: cohort files -> tables -> features -> runs, over one lake, as often as one likes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from infra.lake import Lake
from infra.settings import Settings, Site
from infra.tables import TABLES
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest
from ingestion.report import BatchReport, FileReport
from oncolake.demo.cohort import Cohort, generate
from oncolake.demo.meter import Meter
from oncolake.demo.planted import differences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from training.registry.promotion import Best
    from training.run import Trained

LANES = (("vitals", "exosome"), ("clinical", "imaging", "cytokine", "mutations"))
"""Sources that are ingested one after the other; the lanes run side by side, as two schedulers would."""


class Say(Protocol):
    """Told what is being done."""

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None: ...


@dataclass(frozen=True)
class LateReport:
    """A planted report later than the time of prediction: what the feature was then, and a day after the report."""

    feature: str
    planted: float
    visible_before: float | None
    at_prediction: float | None
    after_report: float | None

    @property
    def is_kept_out(self) -> bool:
        return self.at_prediction == self.visible_before and self.after_report == self.planted


REGISTERED = "overall_survival"
"""The task whose best model the demo registers."""


@dataclass(frozen=True)
class DemoResult:
    """Everything that the demo did.

    best: what was registered; None where nothing could be. differences: between the planted defects and what was
    found; empty is right.
    """

    batches: tuple[BatchReport, ...]
    views: dict[str, Any]
    trained: "tuple[Trained, ...]"
    best: "Best | None"
    n_defects: int
    differences: tuple[str, ...] | None
    late_reports: tuple[LateReport, ...]
    meter: Meter

    @property
    def refused(self) -> dict[str, str]:
        """Task -> why it was not trained, in a sentence."""
        return {answer.task: answer.refused for answer in self.trained if answer.refused}

    @property
    def is_new(self) -> bool:
        files = any(b.count("ingested") for b in self.batches)
        return (
            files
            or any(v.is_new for v in self.views.values())
            or any(r.is_new for answer in self.trained for r in answer)
        )


def run_demo(
    lake: Lake,
    landing: Path,
    n_patients: int,
    settings: Settings,
    session_of: "Callable[[Settings], Callable[[], SparkSession]]",
    say: Say,
) -> DemoResult:
    """Generates the cohort, ingests both deliveries, builds, applies, materialises, trains every task with a cohort in
    it, and registers the best model of one.
    """
    with Meter() as meter:
        with meter.stage("cohort files"):
            cohort = generate(landing, n_patients, progress=say)
        sites = {name: Site.model_validate(declared) for name, declared in cohort.sites.items()}
        settings = settings.model_copy(update={"sites": sites})
        session = session_of(settings)
        with meter.stage("ingestion"):
            batches = _ingest(cohort, lake, settings, session, say)
        with meter.stage("feature tables"):
            views = _features(lake, session, say)
        with meter.stage("Feast"):
            from features.store.repository import apply, materialize

            say("registering features with Feast, and filling the online store")
            apply(lake, online=settings.online_store)
            materialize(lake, online=settings.online_store)
            late = _late_reports(cohort, lake, settings)
        with meter.stage("training"):
            from training.run import train_all
            from training.tasks import WITH_DATES

            answers = train_all(lake, tasks=WITH_DATES, progress=say)
        with meter.stage("registry"):
            from training.registry.promotion import register_best

            say(f"registering the best model of {REGISTERED}")
            best = register_best(lake, REGISTERED) if answers[REGISTERED].runs else None
    reports = [f for b in batches for f in b.files]
    return DemoResult(tuple(batches), views, tuple(answers.values()), best, len(cohort.defects),
                      _compare(cohort, landing, reports, lake), late, meter)  # fmt: skip


def _ingest(
    cohort: Cohort, lake: Lake, settings: Settings, session: "Callable[[], SparkSession]", say: Say
) -> list[BatchReport]:
    def lane(name: str, sources: Sequence[str]) -> list[BatchReport]:
        reports = []
        for source in sources:
            chosen = [d for d in cohort.deliveries if d.name == name and d.source == source]
            if chosen:
                say(f"{name}: ingesting {source}")
                at = [Delivery(d.folder, d.site_id) for d in chosen]
                reports.append(ingest(source, at, lake, settings, session))
        return reports

    batches: list[BatchReport] = []
    with ThreadPoolExecutor(len(LANES)) as pool:
        # The second delivery comes after the first: corrections need what they correct.
        for name in dict.fromkeys(d.name for d in cohort.deliveries):
            for reports in [pool.submit(lane, name, sources) for sources in LANES]:
                batches.extend(reports.result())
    return batches


def _features(lake: Lake, session: "Callable[[], SparkSession]", say: Say) -> dict[str, Any]:
    from features.building.build import build_gold

    # Feast takes seconds to import: beside the JVM's work, not after it.
    threading.Thread(target=_import_feast, daemon=True).start()
    say("building feature tables")
    return dict(build_gold(session, lake, progress=lambda view: say(f"built {view}")))


def _import_feast() -> None:
    import feast  # noqa: F401


def _late_reports(cohort: Cohort, lake: Lake, settings: Settings) -> tuple[LateReport, ...]:
    import pandas as pd

    from features.retrieval import retrieve

    # PD-L1 is given as it is; a cytokine goes into slopes and peaks, where no single value can be told.
    planted = [r for r in cohort.truth.planted_late_report if r.marker == "PD-L1"]
    feature = "clinical_profile__pdl1_tps_percent"
    labels = pd.DataFrame(
        [
            {"patient_id": settings.pseudonymiser.identifier(r.site_id, r.patient_id), "event_timestamp": at}
            for r in planted
            for at in (pd.Timestamp(r.landmark_time), pd.Timestamp(r.known_time) + pd.Timedelta(days=1))
        ]
    )
    seen = [None if pd.isna(v) else float(v) for v in retrieve(lake, "overall_survival_v1", labels).frame[feature]]
    return tuple(
        LateReport(feature, r.value, r.visible_before, then, later)
        for r, then, later in zip(planted, seen[::2], seen[1::2], strict=True)
    )


def _compare(cohort: Cohort, landing: Path, reports: Sequence[FileReport], lake: Lake) -> tuple[str, ...] | None:
    """None where some files were known already, so that this run says nothing about them."""
    from quality.quarantine import quarantined

    planted_unchanged = {d.file for d in cohort.defects if d.expected["status"] == "unchanged"}
    unchanged = [r for r in reports if r.status == "unchanged"]
    if any(str(Path(r.path).relative_to(landing)) not in planted_unchanged for r in unchanged):
        return None
    reasons: dict[str, set[str]] = {}
    for table in TABLES:
        for row in quarantined(lake, table).select(["file_id", "reasons"]).to_pylist():
            reasons.setdefault(row["file_id"], set()).update(row["reasons"])
    return tuple(differences(cohort.defects, landing, reports, reasons))
