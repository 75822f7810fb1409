"""Files to mutate, by format. A format of the registry without a line in SEEDS fails test_fuzz.py.

To add one: a function without arguments that returns `Seed`s of the format, and its line in SEEDS. Cells that may
never be quoted hold CANARY or CANARY_NUMBER. Real files beside the checkout are taken by themselves.
"""

import gzip
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np

from infra.settings import Site
from ingestion.format import Format, Probe, recognise
from ingestion.registry import SOURCES
from tests.conftest import SHARED
from tests.ingestion.fuzz.makers import MORE
from tests.ingestion.fuzz.seed import CANARY, CANARY_NUMBER, Seed

Make = Callable[[], Iterable[Seed]]


def text(name: str, *contents: str) -> Make:
    """Seeds of text, each under the same name."""
    return lambda: [Seed(name, content.encode()) for content in contents]


def table(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    return "".join(separator.join(row) + "\n" for row in rows)


def _times(n: int) -> list[str]:
    return [f"2024-03-25T10:{minute:02}:00Z" for minute in range(n)]


LONG_VITALS = table(
    [["case_id", "patient_id", "time", "signal", "value", "unit"]]
    + [[f"{CANARY}1", f"{CANARY}2", t, s, v, u] for t in _times(6)
       for s, v, u in (("MAP", "71", "mmHg"), ("HR", "0", "/min"), ("SpO2", "--", "%"))]
)  # fmt: skip
WIDE_VITALS = table(
    [["case_id", "patient_id", "time", "MAP", "HR", "SpO2"]]
    + [[f"{CANARY}1", f"{CANARY}2", t, "71", "", CANARY_NUMBER] for t in _times(8)]
)
WIDE_EUROPEAN = table(
    [["case_id", "patient_id", "time", "MAP", "HR"]]
    + [[f"{CANARY}1", f"{CANARY}2", f"25.03.2024 10:{m:02}:00", "71,5", "80"] for m in range(8)],
    ";",
)
VITALDB = table(
    [["Time", "Solar8000/ART_MBP", "Solar8000/HR", "Solar8000/PLETH_SPO2"]]
    + [[str(2 * i), "71.5", "", CANARY_NUMBER] for i in range(10)]
)
PATIENTS = table(
    [["patient_id", "sex", "birth_date", "enrolled_date"], [f"{CANARY}1", "F", "1960-02-03", "2024-03-01"],
     [f"{CANARY}2", "male", "1955-12-31", "2024-03-04"], [f"{CANARY}3", CANARY, "", ""]]
)  # fmt: skip
SPECIMENS = table(
    [["sample_id", "patient_id", "specimen_type", "timepoint", "collected_time"],
     [f"{CANARY}S1", f"{CANARY}1", "plasma", "baseline", "2024-03-01 09:30"],
     [f"{CANARY}S2", f"{CANARY}2", CANARY, "week 4", "2024-03-29 10:15:30"]], "\t",
)  # fmt: skip
TREATMENTS = table(
    [["patient_id", "kind", "agent", "start_time", "stop_time", "dose", "unit"],
     [f"{CANARY}1", "radiotherapy", "IMRT", "2024-03-01 09:30", "2024-03-01 09:45", "2.0", "Gy"],
     [f"{CANARY}2", "systemic", "temozolomide", "2024-03-02", "", CANARY_NUMBER, "mg"]], ";",
)  # fmt: skip
BIOMARKERS = table(
    [["patient_id", "sample_id", "marker", "value", "unit", "call", "method", "measured_time", "report_time"],
     [f"{CANARY}1", f"{CANARY}S1", "PD-L1", "55", "%", "positive", "22C3 TPS", "2024-03-01", "2024-03-09"],
     [f"{CANARY}2", f"{CANARY}S2", "MGMT", "<5", "%", CANARY, "pyrosequencing", "2024-03-02", "03/04/2024"]]
)  # fmt: skip
OUTCOMES = table(
    [["patient_id", "endpoint", "assessment", "outcome_time", "is_event", "category", "criterion", "report_time"],
     [f"{CANARY}1", "OS", "", "2024-09-01", "yes", "", "", "2024-10-01"],
     [f"{CANARY}2", "response", "week 12", "2024-06-01", "", "PR", "RANO", "2024-06-08"],
     [f"{CANARY}3", CANARY, "", "2024-06-01", CANARY, CANARY, "", ""]]
)  # fmt: skip
MAF_ROWS = table(
    [["Hugo_Symbol", "Chromosome", "Start_Position", "End_Position", "Variant_Classification", "Reference_Allele",
      "Tumor_Seq_Allele1", "Tumor_Seq_Allele2", "Tumor_Sample_Barcode", "NCBI_Build"],
     ["TP53", "chr17", "7577538", "7577538", "Missense_Mutation", "C", "C", "T", f"{CANARY}1", "GRCh37"],
     ["PTEN", "10", CANARY_NUMBER, "89692904", "Nonsense_Mutation", "C", "C", "T", f"{CANARY}2", "37"],
     ["EGFR", "7", "55221822", "55221822", CANARY, "C", "C", "T", f"{CANARY}2", "hg19"]], "\t",
)  # fmt: skip
STUDY_HEAD = "#a\tb\tc\td\n#a\tb\tc\td\n#STRING\tSTRING\tSTRING\tNUMBER\n#1\t1\t1\t1\n"
STUDY_PATIENTS = STUDY_HEAD + table(
    [["PATIENT_ID", "SEX", "OS_STATUS", "OS_MONTHS"], [f"{CANARY}1", "Male", "1:DECEASED", "12.5"],
     [f"{CANARY}2", CANARY, CANARY, CANARY_NUMBER]], "\t",
)  # fmt: skip
STUDY_SAMPLES = STUDY_HEAD + table(
    [["PATIENT_ID", "SAMPLE_ID", "IDH_STATUS", "TMB_NONSYNONYMOUS"], [f"{CANARY}1", f"{CANARY}S1", "Mutant", "1.5"],
     [f"{CANARY}2", f"{CANARY}S2", CANARY, CANARY_NUMBER]], "\t",
)  # fmt: skip
STUDY_META = (
    "cancer_study_identifier: gbm_test\ntype_of_cancer: gbm\nname: a study\n"
    f"description: {CANARY} {CANARY_NUMBER}\nreference_genome: hg19\n"
)
CASE_LIST = (
    "cancer_study_identifier: gbm_test\nstable_id: gbm_test_sequenced\ncase_list_name: sequenced\n"
    f"case_list_description: all\ncase_list_category: all_cases_with_mutation_data\n"
    f"case_list_ids: {CANARY}1\t{CANARY}2\n"
)
PANEL = (
    f"stable_id: PANEL1\ndescription: {CANARY}\nnumber_of_profiled_coding_base_pairs: 1200000\n"
    "gene_list: TP53\tPTEN\tEGFR\n"
)
PANEL_MATRIX = f"SAMPLE_ID\tmutations\n{CANARY}1\tPANEL1\n{CANARY}2\tWES\n{CANARY}3\tNA\n"


def xponent() -> list[Seed]:
    from tests.ingestion.cytokine.exports import Export, bare, padded, quoted, semicolons

    export = Export(
        warnings=[("1,A1", f"{CANARY} low bead count")],
        result={
            "Background0": ["NaN", "NaN"], "Standard1": ["1010", "998"], "Standard2": ["9.8", "10.1"],
            "Control1": ["251", CANARY_NUMBER], "S-001": ["33.25", "4.5"], "S-002": ["< 3.2", "> 1000"],
        },
    ).with_header(Operator=[CANARY])  # fmt: skip
    lines = [[cell.replace("S-00", f"{CANARY}S") for cell in line] for line in export.lines()]
    return [Seed("plate.csv", render(lines).encode()) for render in (quoted, bare, padded, semicolons)]


def olink_wide() -> list[Seed]:
    from oncolake.demo.olink_files import npx_xlsx
    from tests.ingestion.cytokine.workbooks import WIDE

    rows = [[f"{CANARY}{cell}" if cell in ("P1-W0", "P1-W6") else cell for cell in row] for row in WIDE]
    rows[7][1] = float(CANARY_NUMBER)
    return [Seed("npx.xlsx", npx_xlsx(rows))]


def olink_long() -> list[Seed]:
    from tests.ingestion.cytokine.workbooks import LONG

    return [Seed("npx.csv", LONG.replace("P1-W", f"{CANARY}W").replace("0.25\n", f"{CANARY_NUMBER}\n").encode())]


def olink_explore() -> list[Seed]:
    import pyarrow as pa

    from tests.ingestion.cytokine.workbooks import explore_table, parquet

    made = explore_table(40)
    made = made.set_column(0, "SampleID", pa.array([f"{CANARY}{i}" for i in range(40)]))
    return [Seed("explore.parquet", parquet(made))]


def nanosight() -> list[Seed]:
    from tests.ingestion.exosome.generated import Layout, Video, nta_summary

    videos = [
        Video(f"{CANARY}_00"),
        Video(f"{CANARY}_01", concentration=CANARY_NUMBER, dilution="100"),
        Video(f"{CANARY}_02", bins=None, validity=CANARY),
    ]
    described = (("Sample Name", CANARY), ("Time Captured", "11:52:04  16/06/2020"))
    layouts = (
        Layout(blocks=("Number", "Volume"), details=described),
        Layout(separator=";", decimal_comma=True, padding=3, line_end="\r\n", details=described),
    )
    return [
        Seed("P1 2020-06-16 11-52-04-ExperimentSummary.csv", nta_summary(videos, layout).encode()) for layout in layouts
    ]


def dicom() -> list[Seed]:
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    from tests.ingestion.imaging.generated import dicom_bytes

    tags = {"PatientName": f"{CANARY}^Jane", "PatientID": f"{CANARY}1", "SeriesDescription": f"t1 {CANARY}"}
    seeds = [
        dicom_bytes(tags, syntax)
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
    ]
    seeds.append(dicom_bytes(tags, ImplicitVRLittleEndian, preamble=False))
    return [Seed("image.dcm", content) for content in seeds]


def dicom_sr() -> list[Seed]:
    from tests.ingestion.imaging.reports import report_bytes

    # The same length: DICOM counts bytes.
    return [Seed("report.dcm", report_bytes().replace(b"CANARY lesion of Jane", f"{CANARY} lesion of J".encode()))]


def radiomics() -> list[Seed]:
    from tests.ingestion.imaging.test_radiomics import radiomics_csv

    changes = ({"PatientID": f"{CANARY}1"}, {"original_shape_MeshVolume": CANARY_NUMBER, "Mask": f"/x/{CANARY}.nii"})
    return [Seed("features.csv", radiomics_csv(*changes, separator=s).encode()) for s in (",", ";")]


def idc_index() -> list[Seed]:
    from tests.ingestion.imaging.test_idc_index import parquet

    rows = [
        {"PatientID": f"{CANARY}{i}", "SeriesInstanceUID": f"1.2.3.{i}", "SeriesDescription": CANARY} for i in range(30)
    ]
    return [Seed("index.parquet", parquet(*rows))]


def wfdb() -> list[Seed]:
    samples = np.array([[700, 40], [0, 0], [-32768, 41], [710, 39]] * 5, "<i2").tobytes()
    signals = "r1.dat 16 10/bpm 16 0 0 0 0 HR\nr1.dat 16 1/mmHg 16 0 0 0 0 ABPMean\n"
    header = f"r1 2 0.5 20 10:00:00 25/03/2024\n{signals}# <name> {CANARY}\n"
    segments = f"m/2 2 0.5 40 10:00:00 25/03/2024\nr1 20\nr1 20\n# {CANARY}\n"
    single = f"r1 2 0.5 20\n{signals}"
    return [
        Seed("r1.hea", header.encode(), {"r1.dat": samples}),
        Seed("m.hea", segments.encode(), {"r1.hea": single.encode(), "r1.dat": samples}),
    ]


def maf() -> list[Seed]:
    return [
        Seed("data_mutations.txt", MAF_ROWS.encode()),
        Seed("all.maf.gz", gzip.compress(("#version 2.4\n" + MAF_ROWS).encode(), mtime=0)),
    ]


SEEDS: dict[str, Make] = {
    "dicom": dicom,
    "idc_index": idc_index,
    "dicom_sr": dicom_sr,
    "pyradiomics_csv": radiomics,
    "nanosight_summary": nanosight,
    "luminex_xponent": xponent,
    "olink_wide": olink_wide,
    "olink_long": olink_long,
    "olink_explore": olink_explore,
    "cbioportal_meta": text("meta_study.txt", STUDY_META),
    "cbioportal_case_list": text("cases_sequenced.txt", CASE_LIST),
    "cbioportal_gene_panel": text("data_gene_panel.txt", PANEL),
    "cbioportal_panel_matrix": text("data_gene_panel_matrix.txt", PANEL_MATRIX),
    "cbioportal_clinical_patient": text("data_clinical_patient.txt", STUDY_PATIENTS),
    "cbioportal_clinical_sample": text("data_clinical_sample.txt", STUDY_SAMPLES),
    "maf": maf,
    "vitals_long_csv": text("monitor.csv", LONG_VITALS),
    "vitals_wide_csv": text("monitor.csv", WIDE_VITALS, WIDE_EUROPEAN),
    "vitaldb_csv": text("1.csv", VITALDB),
    "wfdb_numerics": wfdb,
    "specimen_csv": text("specimens.csv", SPECIMENS),
    "treatment_csv": text("treatments.csv", TREATMENTS),
    "biomarker_csv": text("biomarkers.csv", BIOMARKERS),
    "outcome_csv": text("outcomes.csv", OUTCOMES),
    "patient_csv": text("patients.csv", PATIENTS),
    **MORE,
}


def no_seed(format_name: str) -> str:
    """What to do about a format that nobody fuzzes."""
    return (
        f"The format {format_name} is in ingestion.registry.SOURCES and has no seeds to mutate: write a function that "
        f"returns Seed(name, content) of it, with CANARY in cells that may not be quoted, and add its line to SEEDS in "
        f"tests/ingestion/fuzz/seeds.py."
    )


def formats() -> dict[str, tuple[str, Format]]:
    """(source, format) by format name, over the registry; of one that two sources share, the first."""
    found: dict[str, tuple[str, Format]] = {}
    for source in SOURCES.values():
        for f in source.formats:
            found.setdefault(f.name, (source.name, f))
    return found


def known_by(source: str, probe: Probe, site: Site | None = None) -> Format | None:
    """The format by which the pipeline would read a file of a source."""
    return recognise(SOURCES[source].formats, probe, site)


@cache
def real(limit: int = 500_000) -> dict[str, list[Seed]]:
    """Real files beside the checkout by the format that knows them; large ones are left out."""
    found: dict[str, list[Seed]] = {}
    if not SHARED.is_dir():
        return found
    for path in sorted(p for p in SHARED.rglob("*") if p.is_file() and 0 < p.stat().st_size <= limit):
        probe = Probe.at(path)
        for source in SOURCES.values():
            known = known_by(source.name, probe)
            if known is not None:
                companions = {c.name: c.read_bytes() for c in known.companions(path)}
                seed = Seed(path.name, path.read_bytes(), companions)
                found[known.name] = [*(s for s in found.get(known.name, ()) if s != seed), seed]
    return found


@cache
def seeds_of(format_name: str) -> tuple[Seed, ...]:
    """Generated seeds first, then real ones. Raises KeyError with what to do where none was declared."""
    if format_name not in SEEDS:
        raise KeyError(no_seed(format_name))
    return (*SEEDS[format_name](), *real().get(format_name, ()))


def declared_by(format_name: str) -> Site | None:
    """The site of a format that is read by what a site declares."""
    return next((s.site for s in seeds_of(format_name) if s.site), None)
