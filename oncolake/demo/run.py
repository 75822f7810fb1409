"""The main job: cohort files -> tables -> features -> runs, over one lake, as often as one likes."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
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

LANES = (("vitals", "exosome"), ("clinical", "imaging", "cytokine", "mutations"))
"""Sources that are ingested one after the other; the lanes run side by side, as two schedulers would."""


class Say(Protocol):
    """Told what is being done."""

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None: ...


@dataclass(frozen=True)
class LateReport:
    """The planted report that came after the time of prediction: what retrieval gives with and without looking ahead."""

    feature: str
    planted: float
    as_known: float | None
    looking_ahead: float | None

    @property
    def is_kept_out(self) -> bool:
        return self.looking_ahead == self.planted and self.as_known != self.planted


@dataclass(frozen=True)
class DemoResult:
    """Everything that the demo did. differences: between the planted defects and what was found; empty is right."""

    batches: tuple[BatchReport, ...]
    views: dict[str, Any]
    runs: tuple[Any, ...]
    n_defects: int
    differences: tuple[str, ...] | None
    late_report: LateReport
    meter: Meter

    @property
    def is_new(self) -> bool:
        files = any(b.count("ingested") for b in self.batches)
        return files or any(v.is_new for v in self.views.values()) or any(r.is_new for r in self.runs)


def run_demo(
    lake: Lake, landing: Path, n_patients: int, settings: Settings,
    session_of: "Callable[[Settings], Callable[[], SparkSession]]", say: Say,
) -> DemoResult:
    """Generates the cohort, ingests both deliveries, builds, applies, materialises, and trains every task."""
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
            apply(lake)
            materialize(lake)
            late = _late_report(cohort, lake, settings)
        with meter.stage("training"):
            from training.run import train_all

            runs = [run for of_task in train_all(lake, progress=say).values() for run in of_task]
    reports = [f for b in batches for f in b.files]
    return DemoResult(tuple(batches), views, tuple(runs), len(cohort.defects),
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
    from features.build import build_gold

    # Feast takes seconds to import: beside the JVM's work, not after it.
    threading.Thread(target=_import_feast, daemon=True).start()
    say("building feature tables")
    return dict(build_gold(session, lake, progress=lambda view: say(f"built {view}")))


def _import_feast() -> None:
    import feast  # noqa: F401


def _late_report(cohort: Cohort, lake: Lake, settings: Settings) -> LateReport:
    import pandas as pd

    from features.retrieval import retrieve

    planted = next(r for r in cohort.truth.planted_late_report if r.table == "cytokine_result")
    feature = f"cytokine_kinetics__{planted.marker.lower()}_last_pg_per_ml"
    labels = pd.DataFrame(
        {
            "patient_id": [settings.pseudonymiser.identifier(planted.site_id, planted.patient_id)],
            "event_timestamp": [pd.Timestamp(datetime.fromisoformat(str(planted.landmark_time)))],
        }
    )
    seen = [
        retrieve(lake, "overall_survival_v1", labels, known_only=known_only).frame[feature].iloc[0]
        for known_only in (True, False)
    ]
    values = [None if pd.isna(v) else float(v) for v in seen]
    return LateReport(feature, float(planted.value), values[0], values[1])


def _compare(
    cohort: Cohort, landing: Path, reports: Sequence[FileReport], lake: Lake
) -> tuple[str, ...] | None:
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
