"""The first page of the Data Docs, readable on a network that is closed.

Great Expectations' own index fetches its table script from the internet and stays empty where it cannot; its pages
of single validations are plain HTML. This page lists them with our counts, needs nothing, and shows no value.
"""

from html import escape
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from infra import scan

PAGE = "oncolake.html"

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1d2733}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.3rem .7rem;border-bottom:1px solid #dde3ea}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}tr.bad td{background:#fff4e8}"
    "tr.info td{background:#f3f7fb}"
)


_CHECKS_SHOWN = 200


def write_page(site: Path, results_path: str, outcomes: pa.Table | None = None) -> Path:
    """Writes PAGE into the folder of the Data Docs from the Delta table of check results, the newest batch first.

    A line is a table of a batch: its rows, the checks that it was held to, and those that some row breaks.
    outcomes: of batch-level and cross-table checks (`quality.outcomes`); those that fail are shown below.
    """
    rows = scan.rows(results_path)
    rows = rows.append_column("broken", pc.cast(pc.greater(rows["rows_failed"], 0), "int64"))
    batches = rows.group_by(["validated_at", "source", "batch_id", "table_name"]).aggregate(
        [("rows", "max"), ("check", "count"), ("broken", "sum")]
    )
    lines = []
    for r in sorted(batches.to_pylist(), key=lambda r: (r["validated_at"], r["table_name"]), reverse=True):
        cells = (f"{r['rows_max']:,}", r["check_count"], r["broken_sum"])
        numbers = "".join(f'<td class="n">{c}</td>' for c in cells)
        name = _linked(site, r["table_name"], f"{r['source']}-{r['batch_id']}")
        lines.append(
            f"<tr{' class=bad' if r['broken_sum'] else ''}><td>{r['validated_at']:%Y-%m-%d %H:%M}</td>"
            f"<td>{escape(r['source'])}</td><td>{name}</td>{numbers}</tr>"
        )
    head = "".join(f"<th>{h}</th>" for h in ("at (UTC)", "source", "table", "rows", "checks", "broken by some row"))
    site.mkdir(parents=True, exist_ok=True)
    page = site / PAGE
    page.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Data Docs</title><style>{_STYLE}</style>"
        "<h1>Validations</h1><p>Counts and verdicts only; rows that break a critical check are in quarantine "
        f"(<code>oncolake quarantine list</code>).</p><table><tr>{head}</tr>{''.join(lines)}</table>"
        f"{_of_batches(outcomes)}</html>\n"
    )
    return page


def _of_batches(outcomes: pa.Table | None) -> str:
    if outcomes is None or not outcomes.num_rows:
        return ""
    batches = len(set(outcomes["batch_id"].to_pylist()))
    failed = outcomes.filter(pc.invert(outcomes["is_passed"])).sort_by([("checked_at", "descending")])
    lines = [
        f"<tr class={'bad' if r['severity'] == 'warning' else 'info'}><td>{r['checked_at']:%Y-%m-%d %H:%M}</td>"
        + "".join(f"<td>{escape(r[c])}</td>" for c in ("source", "table_name", "site_id", "definition", "sentence"))
        + "</tr>"
        for r in failed.slice(0, _CHECKS_SHOWN).to_pylist()
    ]
    head = "".join(f"<th>{h}</th>" for h in ("at (UTC)", "source", "table", "site", "check", "what was found"))
    said = (
        f"{failed.num_rows:,} of the outcomes of {batches:,} batches want a look, the newest first: drift, volume and "
        "freshness against the site's own recent batches, and contradictions between tables. They refuse no row."
    )
    return f"<h1>Batches</h1><p>{said}</p><table><tr>{head}</tr>{''.join(lines)}</table>"


def _linked(site: Path, table: str, run: str) -> str:
    found = sorted((site / "validations" / table / run).rglob("*.html"))
    if not found:
        return escape(table)
    return f'<a href="{escape(found[-1].relative_to(site).as_posix())}">{escape(table)}</a>'
