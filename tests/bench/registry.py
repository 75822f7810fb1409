"""Every benchmark, in the order of the page. A new one adds its module and a line here."""

from tests.bench import (
    cold_start,
    dicom_headers,
    feature_first,
    feature_history,
    feature_leakage,
    feature_retrieval,
    feature_spark,
    feature_volume,
    gate,
    memory,
    one_new_file,
    online_read,
    unchanged_folder,
    vitals_ingest,
    wide_omics,
)
from tests.bench.benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        vitals_ingest.BENCHMARK,
        gate.BENCHMARK,
        dicom_headers.BENCHMARK,
        unchanged_folder.BENCHMARK,
        one_new_file.BENCHMARK,
        memory.BENCHMARK,
        cold_start.BENCHMARK,
        feature_retrieval.BENCHMARK,
        feature_history.BENCHMARK,
        feature_volume.BENCHMARK,
        feature_first.BENCHMARK,
        feature_spark.BENCHMARK,
        wide_omics.BENCHMARK,
        online_read.BENCHMARK,
        feature_leakage.BENCHMARK,
    )
}
