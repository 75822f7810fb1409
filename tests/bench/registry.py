"""Every benchmark, in the order of the page. A new one adds its module and a line here."""

from tests.bench import (
    cold_start,
    dicom_headers,
    feature_leakage,
    gate,
    memory,
    one_new_file,
    unchanged_folder,
    vitals_ingest,
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
        feature_leakage.BENCHMARK,
    )
}
