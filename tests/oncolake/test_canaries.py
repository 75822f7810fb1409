"""Planted names, identifiers and values: where they may be found afterwards, and where they may not.

Identifiers (in identifier columns and tags, and in names of files and folders) are found nowhere in the lake and in no
output but the paths of the answer. Values that were refused stand in the quarantine, whose purpose it is to keep them,
and in no log, error, reason, report, event or page.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingestion.cytokine.exports import Export, quoted
from tests.ingestion.exosome.generated import Video, nta_summary
from tests.ingestion.imaging.generated import dicom_bytes
from tests.ingestion.lakes import decoded, wide
from tests.ingestion.vitals.messages import MSH, OBR, bundle, message, observation, obx, pressure, quantity
from tests.oncolake.canaries import SHOWN

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]

NAME, GIVEN, NUMBER = "Kanarinsky", "Wilhelmstine", "HOSP-777313"
UID = "1.2.826.777313.4.5"
VALUES = ("zwitscher", "91919.1717", "Piepmatz")
"""A word where a number should be, a number beyond any limit, and a word where a code should be."""


def fhir() -> str:
    """A bundle with a sound blood pressure, a value beyond any limit, and a word for a number."""
    person = {"resourceType": "Patient", "id": NUMBER, "name": [{"family": NAME, "given": [GIVEN]}]}
    whose = {
        "subject": {"reference": f"Patient/{NUMBER}", "display": f"{GIVEN} {NAME}"},
        "encounter": {"reference": f"Encounter/{NUMBER}-stay"},
        "device": {"reference": f"Device/{NUMBER}-bed", "display": NAME},
        "note": [{"text": f"{NAME} woke up"}],
    }
    odd = [
        observation("8867-4", valueQuantity=quantity(float(VALUES[1]), "/min"), **whose),
        observation("8310-5", valueQuantity=quantity(VALUES[0], "Cel"), **whose),
        observation("9279-1", valueString=f"{NAME} {VALUES[0]}", **whose),
    ]
    return json.dumps(bundle(person, pressure(**whose), *odd))


def hl7() -> str:
    """A message with a sound value, one beyond any limit, a word for a number, and names where HL7 has them."""
    return message(
        f"PID|1||{NUMBER}^^^H^MR||{NAME}^{GIVEN}||19600101|F",
        "PV1|1|I|ICU" + "|" * 16 + f"{NUMBER}-visit",
        OBR,
        f"NTE|1||{NAME} woke up",
        obx("NIBP_SBP", "118", equipment=f"{NUMBER}-bed"),
        obx("NIBP_DBP", VALUES[1]),
        obx("NIBP_MBP", VALUES[0]),
        obx("HR", f"{NAME} {VALUES[0]}", "/min", kind="ST"),
        lead=(MSH,),
    )


def plant(landing: Path) -> None:
    """Files of six sources, all named after the patient; each has a sound record and one that provokes an error."""
    vitals = wide(
        f"{NUMBER}-op", "2024-03-25T10:00:00Z,70,80", f"2024-03-25T10:01:00Z,{VALUES[1]},81",
        f"2024-03-25T10:02:00Z,{VALUES[0]},82", f"{VALUES[0]},70,83",
    ).replace("Durand^Marie", f"{NAME}^{GIVEN}")  # fmt: skip
    columns = (
        "Hugo_Symbol", "Chromosome", "Start_Position", "End_Position", "Variant_Classification",
        "Reference_Allele", "Tumor_Seq_Allele1", "Tumor_Seq_Allele2", "Tumor_Sample_Barcode", "NCBI_Build",
    )  # fmt: skip
    good = ("TP53", "17", "7577120", "7577120", "Missense_Mutation", "C", "C", "T", f"{NUMBER}-T", "GRCh37")
    bad = (*good[:2], VALUES[0], VALUES[0], *good[4:])
    plate = Export(warnings=[("Warning", f"{NAME} {VALUES[0]}")]).lines()
    plate = [[c.replace("S-001", f"{NAME} S1").replace("S-002", NUMBER).replace("33.25", VALUES[0]) for c in line]
             for line in plate]  # fmt: skip
    scans = {
        "PatientName": f"{NAME}^{GIVEN}", "PatientID": NUMBER, "SeriesInstanceUID": UID, "StudyInstanceUID": UID + ".1",
        "SeriesDescription": f"t1 {NAME}",
    }  # fmt: skip
    contents: dict[str, bytes] = {
        "vitals/wide": vitals.encode(),
        "vitals/fhir": fhir().encode(),
        "vitals/hl7": hl7().encode(),
        "vitals/broken": f"{NAME};{VALUES[0]}\n".encode(),
        "clinical/patients": (
            f"patient_id,sex,birth_year,name\n{NUMBER},F,1960,{NAME}\n{NAME},{VALUES[2]},1950,{GIVEN}\n"
            f"{GIVEN},M,{VALUES[0]},{NAME}\n"
        ).encode(),
        "mutations/maf": "\n".join("\t".join(row) for row in (columns, good, bad)).encode() + b"\n",
        "cytokine/plate": quoted(plate).encode(),
        "exosome/summary": nta_summary((Video(f"{NAME}_00", concentration=VALUES[0]), Video(f"{NUMBER}_01"))).encode(),
        "imaging/scan": dicom_bytes(scans),
        "imaging/odd": dicom_bytes({**scans, "SOPInstanceUID": UID + ".9", "StudyDate": None, "SeriesTime": "094500"}),
        "imaging/cut": dicom_bytes(scans)[:600],
    }
    for name, content in contents.items():
        source, _, kind = name.partition("/")
        folder = landing / source / f"{NAME}_{GIVEN}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{NUMBER} {kind}.{NAME}.csv").write_bytes(content)


def without_paths(out: str) -> str:
    """Standard output without the paths of the answer, where the person who ran the command sees their own files."""
    return "\n".join(line for line in out.splitlines() if not line.strip().startswith('"path":'))


def test_planted_canaries_are_found_nowhere(tmp_path: Path) -> None:
    lake, landing = tmp_path / "lake", tmp_path / NAME
    plant(landing)
    (tmp_path / "oncolake.toml").write_text(
        'openlineage_file = true\nspark_master = "local[2]"\nspark_memory = "1200m"\n'
    )
    environment = os.environ | {"ONCOLAKE_PSEUDONYM_KEY": "5a" * 32, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.oncolake.canaries", str(lake), str(landing)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Traceback" not in done.stderr + done.stdout
    assert "defect" not in done.stderr + done.stdout
    assert done.stdout.count("->") == 12
    assert all(f'"format": "{name}"' in done.stdout for name in ("fhir", "hl7_oru", "vitals_wide_csv"))
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["event"] for line in lines} >= {"started", "step", "batch", "finished"}
    # The traps were sprung: of six sources something was taken in, and something refused.
    batches = [line for line in lines if line["event"] == "batch"]
    assert len(batches) == 6 and all(b["accepted"] for b in batches)
    assert sum(b["quarantined"] for b in batches) >= 4 and sum(b["files_rejected"] for b in batches) >= 2
    assert (lake / "lineage" / "events.jsonl").read_text().count("\n") == 12

    identifiers = [form for word in (NAME, GIVEN, NUMBER, UID) for form in (word, word.lower(), word.upper())]
    said = without_paths(done.stdout) + done.stderr
    assert [word for word in identifiers if word in said] == []
    before, _, shown = said.partition(SHOWN)
    assert [word for word in VALUES if word in before + done.stderr] == []
    assert VALUES[0] in shown
    places = [(path.relative_to(lake), text) for path, text in decoded_lake(lake)]
    assert len(places) > 50
    assert {
        (str(path), word) for path, text in places for word in identifiers if word in text or word in str(path)
    } == set()
    kept = {"silver", "quarantine"}
    assert {
        (str(path), word) for path, text in places for word in VALUES
        if word in text and path.parts[0] not in kept
    } == set()  # fmt: skip
    # They can be found at all: the quarantine, which keeps what was refused, has one.
    assert any(VALUES[0] in text for path, text in places if path.parts[0] == "quarantine")


def decoded_lake(lake: Path) -> list[tuple[Path, str]]:
    from infra.lake import Lake

    return list(decoded(Lake.at(lake)))
