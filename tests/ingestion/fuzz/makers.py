"""Seeds of plates, vesicles, monitors' messages and hospitals' own tables, by the generators of their tests."""

import gzip
import json
import tempfile
from functools import cache
from pathlib import Path

from infra.settings import Site
from tests.ingestion.fuzz.seed import CANARY, CANARY_NUMBER, Seed

_SAMPLES = ("U001", "U002", "P1 W0", "Durand W0", "P1 W6")


def _plate(name: str, content: str | bytes) -> Seed:
    declared = {"site_id": "boston", "day_first": False, "concentration_units": {"msd": "pg/mL", "bioplex": "pg/mL"}}
    site = Site.model_validate(declared)
    return Seed(name, content.encode() if isinstance(content, str) else content, site=site)


def _canaried(lines: list[list[str]]) -> list[list[str]]:
    """Canaries for the names of samples and for one of their numbers."""
    lines = [[f"{CANARY}{cell}" if cell in _SAMPLES else cell for cell in line] for line in lines]
    last = next(line for line in reversed(lines) if any(cell.startswith(CANARY) for cell in line))
    for i, cell in enumerate(last):
        last[i] = CANARY_NUMBER if cell in ("812", "300", "99000") else cell
    return lines


def msd_workbench_csv() -> list[Seed]:
    from tests.ingestion.cytokine.plates import joined, workbench_lines

    return [_plate("msd.csv", joined(_canaried(workbench_lines()), s)) for s in (",", "\t")]


def msd_workbench_xlsx() -> list[Seed]:
    from tests.ingestion.cytokine.plates import workbench_lines
    from tests.ingestion.cytokine.workbooks import sheets_of

    return [_plate("msd.xlsx", sheets_of({"Workbench data": _canaried(workbench_lines())}))]


def msd_methodical_mind() -> list[Seed]:
    from tests.ingestion.cytokine.plates import methodical

    return [
        _plate("counts.txt", methodical(spots=3, assays="IL-6,TNF-α,IL-10", name=f"C:\\{CANARY}.txt")),
        _plate("counts.txt", methodical(barcode=f"<{CANARY}>").replace("102", CANARY_NUMBER)),
    ]


def intelliflex() -> list[Seed]:
    from tests.ingestion.cytokine.plates import SIGNATURE, intelliflex_lines, joined

    return [_plate("intelliflex.csv", joined(_canaried(intelliflex_lines())) + SIGNATURE)]


def bioplex_xml() -> list[Seed]:
    from tests.ingestion.cytokine import plates

    wells = plates.bioplex_well(3, 3) + plates.bioplex_well(4, 3, value=CANARY_NUMBER)
    sample = plates.bioplex_sample("Unknown", "X1", wells, description=CANARY)
    blank = plates.bioplex_sample("Blank", f"{CANARY}B", plates.bioplex_well(1, 5, conc=plates.NOT_SET))
    return [_plate("bioplex.xml", plates.bioplex_xml(samples)) for samples in (sample, blank + sample)]


def bioplex_text() -> list[Seed]:
    from tests.ingestion.cytokine.plates import joined, report_lines, wide_report_lines

    return [_plate("report.txt", joined(_canaried(lines), "\t")) for lines in (report_lines(), wide_report_lines())]


def bioplex_xlsx() -> list[Seed]:
    from tests.ingestion.cytokine.plates import report_lines, wide_report_lines
    from tests.ingestion.cytokine.workbooks import sheets_of

    return [
        _plate("report.xlsx", sheets_of({"Test": _canaried(lines)})) for lines in (report_lines(), wide_report_lines())
    ]


TIMELINE = (
    ("PATIENT_ID", "START_DATE", "STOP_DATE", "EVENT_TYPE", "TREATMENT_TYPE", "SUBTYPE", "AGENT", "REMARKS"),
    (f"{CANARY}1", "10", "52", "TREATMENT", "Medical Therapy", "Chemotherapy", "Temozolomide", CANARY),
    (f"{CANARY}1", "10", "52", "TREATMENT", "Radiation Therapy", "WPRT", "60 Gy", ""),
    (f"{CANARY}2", "-3", "", "SURGERY", "", "Resection", "", ""),
    (f"{CANARY}2", CANARY_NUMBER, "9", "TREATMENT", CANARY, "", "Erlotinib", ""),
    (f"{CANARY}2", CANARY, "9", "TREATMENT", "Chemotherapy", "", "", ""),
)


def timeline() -> list[Seed]:
    return [Seed("data_timeline.txt", "".join("\t".join(row) + "\n" for row in TIMELINE).encode())]


def zetaview() -> list[Seed]:
    from tests.ingestion.exosome.generated import Capture
    from tests.ingestion.exosome.generated import zetaview as written

    capture = Capture().with_keys(
        Operator=CANARY, Sample=f"{CANARY}1", Remarks=CANARY, Average_Number_of_Particles=CANARY_NUMBER
    )
    return [Seed("size.txt", written(capture, comma).encode("cp1252")) for comma in (False, True)]


CARGO = (
    "sample,marker,value,unit,method,plate,replicate,lod,measured_time,report_time,comment\n"
    f"{CANARY}1,CD9,12.5,pg/mL,ELISA,A,1,0.5,2024-04-03 10:00,2024-04-05,{CANARY}\n"
    f"{CANARY}1,Alix,< 0.5,pg/mL,ELISA,A,2,0.5,2024-04-03,,{CANARY}\n"
    f"{CANARY}2,TSG101,{CANARY_NUMBER},pg/mL,ELISA,A,1,0.5,03/04/2024,,\n"
)
CARGO_FRENCH = (
    "Échantillon;Marqueur;Valeur;Unité;Méthode;Plaque;Réplicat;LOD;Date de mesure;Date de rendu\n"
    f"{CANARY}1;CD-9;1,234;pg/ml;ELISA;A;1;0,5;03.04.2024 10:00;05.04.2024\n"
    f"{CANARY}1;Alix;<0,5;%;MACSPlex;;;;03.04.2024;\n"
)


def cargo() -> list[Seed]:
    return [Seed("cargo.csv", CARGO.encode()), Seed("cargo.csv", CARGO_FRENCH.encode("cp1252"))]


def fhir() -> list[Seed]:
    from tests.ingestion.vitals.messages import bundle, ndjson, observation, pressure, quantity

    subject = {"subject": {"reference": f"Patient/{CANARY}1"}, "encounter": {"reference": f"Encounter/{CANARY}2"}}
    observations = [
        pressure(**subject),
        observation("8867-4", valueQuantity=quantity(80, "/min"), **subject),
        observation("59408-5", valueQuantity=quantity(float(CANARY_NUMBER), "%"), **subject),
        observation("8480-6", valueString=CANARY, **subject),
        observation("8478-0", dataAbsentReason={"text": CANARY}, **subject),
    ]
    return [
        Seed("Observation.ndjson", ndjson(*observations).encode()),
        Seed("bundle.json", json.dumps(bundle(*observations)).encode()),
        Seed("observation.json", json.dumps(observations[0]).encode()),
    ]


def hl7() -> list[Seed]:
    from tests.ingestion.vitals import messages

    lead = tuple(s.replace("P1^^^H^MR", f"{CANARY}1^^^H^MR") for s in (messages.MSH, messages.PID, messages.PV1))
    segments = [
        messages.obx("8867-4^HR^LN", "80", "/min"),
        messages.obx("8480-6^SBP^LN", CANARY_NUMBER, "mmHg", time="20240701120030"),
        messages.obx("8462-4^DBP^LN", "76", "kPa", "C"),
        messages.obx("59408-5^SpO2^LN", CANARY, "%", kind="ST"),
        f"NTE|1||{CANARY}",
    ]
    made = messages.message(*segments, lead=(*lead, messages.OBR))
    return [Seed("oru.hl7", made.encode()), Seed("oru.hl7", (made.replace("\r", "\n") + made).encode())]


def vital_file() -> list[Seed]:
    from tests.ingestion.vitals import test_vital_file as made

    more = [made.value(1, 2.0 * i, 70.5 + i) for i in range(2, 20)]
    return [Seed("case7.vital", made.vital(made.device(2, CANARY, CANARY), *made.BODY, *more))]


def vcf() -> list[Seed]:
    from tests.ingestion.mutations.vcfs import annotated, csq

    lines = [
        f"chr1 100 . C T . PASS SOMATIC;CSQ={csq('missense_variant')} GT:AD:AF:DP 0/0:30,0:0.01:30 0/1:30,10:0.23:41",
        f"chr1 200 {CANARY} CAG C,CAGG . PASS CSQ={csq('frameshift_variant')} GT:AD 0/0:30,0,0 0/1/2:30,10,5",
        f"chr1 300 . C T {CANARY_NUMBER} PASS DP=3 GT:AD 0/0:30,0 0/1:{CANARY},10",
        "chr1 400 . C <DEL> . PASS END=900 GT:AD 0/0:30,0 0/1:30,10",
    ]
    text = annotated(*lines).replace("P1-", CANARY)
    return [Seed("P1.vcf", text.encode()), Seed("P1.vcf.gz", gzip.compress(text.encode(), mtime=0))]


@cache
def _dictionary() -> str:
    """REDCap's data dictionary lies in a file that the site names."""
    from tests.ingestion.clinical.test_redcap import DICTIONARY

    path = Path(tempfile.mkdtemp(prefix="fuzz-redcap-")) / "dictionary.csv"
    path.write_text(DICTIONARY)
    return str(path)


def redcap() -> list[Seed]:
    from tests.ingestion.clinical.test_redcap import EXPORT, TABLES

    project = {"dictionary": _dictionary(), "group": "toulouse"}
    site = Site.model_validate({"site_id": "toulouse", "redcap": {"gbm": project}, "tables": TABLES})
    content = EXPORT.replace("GBM-00", CANARY).replace("Durand", f"{CANARY}D").replace("T2,", f"{CANARY}T2,")
    return [Seed("export.csv", content.encode(), site=site)]


def declared_csv() -> list[Seed]:
    from tests.ingestion.test_site_tables import EXPORT, SITE

    content = EXPORT.replace("P1;", f"{CANARY}1;").replace("Durand", CANARY).replace("12,5", CANARY_NUMBER)
    return [Seed("export.csv", content.encode("cp1252"), site=SITE)]


MORE = {
    "msd_workbench_csv": msd_workbench_csv,
    "msd_workbench_xlsx": msd_workbench_xlsx,
    "msd_methodical_mind": msd_methodical_mind,
    "luminex_intelliflex": intelliflex,
    "bioplex_xml": bioplex_xml,
    "bioplex_text": bioplex_text,
    "bioplex_xlsx": bioplex_xlsx,
    "zetaview_txt": zetaview,
    "exosome_cargo_csv": cargo,
    "vcf": vcf,
    "cbioportal_timeline": timeline,
    "fhir": fhir,
    "hl7_oru": hl7,
    "vital_file": vital_file,
    "redcap_csv": redcap,
    "clinical_declared_csv": declared_csv,
}
