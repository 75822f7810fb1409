"""oncolake demo: the main job, and what it showed."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, lazy_session, load_settings, open_lake

if TYPE_CHECKING:
    from infra.lake import Lake
    from oncolake.demo.run import DemoResult


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    patients: Annotated[int, typer.Option(help="Patients of the generated cohort.")] = 120,
    landing: Annotated[Path, typer.Option(help="Folder for the generated files of the hospitals.")] = Path("landing"),
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The main job: files of three hospitals -> tables -> features -> runs that can be compared.

    Again over the same lake, it finds nothing new and says so. Exit code 1 where a planted defect was missed,
    something else was refused, or a task could not be trained.
    """
    from oncolake.commands.training import say_refused
    from oncolake.demo.run import run_demo

    settings = load_settings()
    where = open_lake(lake, settings)
    with show.steps("demo") as progress:
        result = run_demo(where, landing.resolve(), patients, settings, lazy_session, progress)
    if as_json:
        show.print_json(_as_json(result))
    else:
        _print(result, where)
    if say_refused(result.trained) or result.differences or not all(late.is_kept_out for late in result.late_reports):
        raise typer.Exit(1)


def _as_json(result: "DemoResult") -> dict[str, object]:
    return {
        "is_new": result.is_new,
        "batches": [b.as_json() for b in result.batches],
        "views": {name: {"version": v.version, "rows": v.rows} for name, v in result.views.items()},
        "runs": [r.as_json() for answer in result.trained for r in answer],
        "refused_tasks": result.refused,
        "registered": None if result.best is None else asdict(result.best),
        "defects_planted": result.n_defects,
        "defect_differences": result.differences,
        "late_reports_kept_out": [late.is_kept_out for late in result.late_reports],
        "seconds": result.meter.stages,
        "peak_memory_bytes": result.meter.peak_bytes,
    }


def _print(result: "DemoResult", lake: "Lake") -> None:
    from oncolake.commands.training import print_trained

    files = [f for b in result.batches for f in b.files]
    by_source: dict[str, list[int]] = {}
    for f in files:
        sums = by_source.setdefault(f.source, [0] * 7)
        counts = (f.status == "ingested", f.status == "unchanged", f.status == "rejected", f.rows_in, f.accepted,
                  f.quarantined, f.duplicates)  # fmt: skip
        by_source[f.source] = [a + b for a, b in zip(sums, counts, strict=True)]
    show.print_table(
        "Files and records: every record is accepted, quarantined or a duplicate",
        ("source", "ingested", "unchanged", "rejected", "records", "accepted", "quarantined", "duplicates"),
        [(source, *sums) for source, sums in by_source.items()], right=range(1, 8),
    )  # fmt: skip
    show.print_table("Feature tables", ("view", "version", "rows"),
                     [(name, v.version, v.rows) for name, v in result.views.items()], right=(1, 2))  # fmt: skip
    print_trained(lake, result.trained)
    if result.best is not None:
        version = result.best.version
        role = "champion" if result.best.is_champion else "challenger"
        show.out.print(f"Registered: {version.model} as version {version.version} of {version.task}, {role}. "
                       f"{result.best.sentence} Its card: oncolake models card {version.task}.",
                       markup=False, highlight=False)  # fmt: skip
    _print_checks(result)
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in result.meter.stages.items())
    show.out.print(f"Time: {result.meter.seconds:.0f} s ({took}). Peak memory: {result.meter.peak_bytes / 2**30:.1f} "
                   "GiB, all processes together.", highlight=False)  # fmt: skip
    show.out.print(f"Where to look: oncolake ui --lake {lake.root} (MLflow and Data Docs), oncolake status, "
                   "oncolake quarantine list.", highlight=False, soft_wrap=True)  # fmt: skip


def _print_checks(result: "DemoResult") -> None:
    for late in result.late_reports:
        verdict = "kept out" if late.is_kept_out else "LEAKED"
        then = "missing" if late.at_prediction is None else f"{late.at_prediction:g}"
        show.out.print(f"Late report {verdict}: {late.feature} is {then} at the time of prediction, and "
                       f"{late.planted:g} only after its report.", highlight=False)  # fmt: skip
    if result.differences is None:
        show.out.print("Planted defects: checked when their files first came; most files were known already.")
    elif result.differences:
        show.out.print("Planted defects: these differ from the list:")
        for sentence in result.differences:
            show.out.print(f"  {sentence}", markup=False, highlight=False)
    else:
        show.out.print(f"Planted defects: all {result.n_defects} found, and nothing else refused.")
    if not result.is_new:
        show.out.print("Nothing new: no file, no row, no feature table and no run was added.")
