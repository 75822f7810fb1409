"""The same checks on what Spark committed: its log, its files, its times."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from quality import statistics as st
from quality.batches import check_batch
from quality.drift import RAN
from quality.profiling import profile
from quality.scanning import added_files, file_system
from tests.quality.batches import Written, heart_rates, rows_of, write

pytestmark = pytest.mark.slow


def test_batches_that_spark_wrote_are_profiled_as_those_that_delta_rs_wrote(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = TABLES["vital_sign"]
    plain, lake = Lake.at(tmp_path / "plain"), Lake.at(tmp_path / "lake")
    path = lake.silver(table.name)
    delta.create(lake, path, table.arrow_schema(), {}, "")
    for n in range(1, 5):
        batch = f"b{n}"
        version = write(plain, table.name, batch, heart_rates(n, shift=30 if n == 4 else 0)).version
        source = plain.silver(table.name)
        frame = delta.read(spark, source).filter(f"batch_id = '{batch}'").select(*(c.name for c in table.all_columns))
        written = Written(delta.append(lake, frame.repartition(2), path, f"{batch}:files:{table.name}:{n}"))
        of_spark, of_rust = (
            profile(files, added_files(files, at, batch), batch, table)
            for files, at in ((file_system(path), written.version), (file_system(source), version))
        )
        assert [str(p) for p in of_spark] == [str(p) for p in of_rust]
        found = check_batch(lake, "vitals", batch, {table.name: written})
        assert [c.value for c in found if c.definition == RAN and c.table] == [2000.0]
    assert {(c.definition, c.what) for c in found if not c.is_passed} == {
        (st.PSI_BINS, "MAP [mm[Hg]]"), (st.KS, "MAP [mm[Hg]]"),
    }  # fmt: skip
    assert len(rows_of(path)) == 8000
