"""The planted defects: what is wrong with which file, and what ingestion must say of it.

Everything else in the cohort is clean: no other record may be quarantined or counted twice, no other file refused.
"""

from dataclasses import dataclass, field

from oncolake.demo.clinical_files import Rows
from oncolake.demo.hospitals import Hospital

FIRST, SECOND = "01-first", "02-second"
"""The deliveries, in their order."""

Files = dict[str, bytes]
"""Files of the landing folder by their path in it: delivery/site/source/..."""


@dataclass(frozen=True)
class Defect:
    """One planted defect.

    file: path in the landing folder. expected: `status` of the file (ingested, rejected or unchanged), and the
    numbers of its `quarantined` and `duplicates` records; `reason`: a word that the reason must hold (in any case),
    or None where nothing is refused; for some kinds further keys, named in `description`.
    """

    delivery: str
    site_id: str
    source: str
    file: str
    kind: str
    description: str
    expected: dict[str, object] = field(hash=False)


def defect(
    path: str,
    kind: str,
    description: str,
    *,
    status: str = "ingested",
    quarantined: int = 0,
    duplicates: int = 0,
    reason: str | None = None,
    **more: object,
) -> Defect:
    """A defect of the file at a path of the landing folder."""
    delivery, site_id, source = path.split("/")[:3]
    expected = {"status": status, "quarantined": quarantined, "duplicates": duplicates, "reason": reason, **more}
    return Defect(delivery, site_id, source, path, kind, description, expected)


def text_row(files: Files, path: str, old: str, new: str, hospital: Hospital) -> None:
    """Replaces one text of a file, which must be there."""
    before, after = old.encode(hospital.encoding), new.encode(hospital.encoding)
    if before not in files[path]:
        raise LookupError(f"the demo's own file {path} does not hold the text to be changed")
    files[path] = files[path].replace(before, after, 1)


def implausible_pressures(files: Files, path: str, hospital: Hospital) -> Defect:
    """Two mean pressures of 900 mmHg, as a flushed line shows them."""
    lines = files[path].decode(hospital.encoding).split(hospital.line_end)
    chosen = [i for i, line in enumerate(lines) if ",MAP," in line][100:102]
    for i in chosen:
        cells = lines[i].split(hospital.separator)
        lines[i] = hospital.separator.join([*cells[:4], "900", *cells[5:]])
    files[path] = hospital.line_end.join(lines).encode(hospital.encoding)
    return defect(path, "implausible_value", "Two mean arterial pressures of 900 mmHg.", quarantined=2, reason="value")


def bad_clinical_rows(tables: dict[str, Rows], path_of: dict[str, str]) -> list[Defect]:
    """Defects of rows in the clinical templates, planted at the end of each table (keys are 'site/table')."""
    outcomes = tables["boston/outcome"]
    outcomes.append([outcomes[1][0], "response", "week 20", outcomes[1][3], "", "NE", "RANO", outcomes[1][7]])
    treatments = tables["toulouse/treatment"]
    treatments.append(["", *treatments[1][1:]])
    specimens = tables["berlin/specimen"]
    specimens.append([f"{specimens[1][1]}-W12", specimens[1][1], "plasma", "week 12", "2024-02-31 08:00:00"])
    ragged = tables["boston/biomarker"]
    ragged.append([*ragged[1][:2], "IDH1", "", "", "wildtype", "sequencing", *ragged[1][7:], "checked", "twice"])
    repeated = tables["toulouse/biomarker"]
    repeated += [list(row) for row in repeated[1:3]]
    return [
        defect(
            path_of["boston/outcome"],
            "unknown_category",
            "A response of NE, which is none of CR, PR, SD, PD.",
            quarantined=1,
            reason="category",
        ),
        defect(
            path_of["toulouse/treatment"],
            "missing_patient",
            "A treatment of nobody.",
            quarantined=1,
            reason="patient_id",
        ),
        defect(
            path_of["berlin/specimen"],
            "no_date",
            "A sample collected on 31 February.",
            quarantined=1,
            reason="collected_time",
        ),
        defect(
            path_of["boston/biomarker"],
            "ragged_row",
            "A row with two cells more than the header.",
            quarantined=1,
            reason="cells",
        ),
        defect(path_of["toulouse/biomarker"], "repeated_rows", "Two rows twice in one file.", duplicates=2),
    ]


def bad_mutations(files: Files, folder: str, other_folder: str) -> list[Defect]:
    """A mutation at position 0, and a MAF without the columns that make it one."""
    path = f"{folder}/data_mutations.txt"
    lines = files[path].decode().split("\n")
    cells = lines[2].split("\t")
    cells[4] = cells[5] = "0"
    lines.insert(3, "\t".join(cells))
    files[path] = "\n".join(lines).encode()
    bare = f"{other_folder}/rerun/data_mutations_v2.maf"
    files[bare] = b"Hugo_Symbol\tChromosome\tStart_Position\nTP53\t17\t7577121\nPTEN\t10\t89692905\n"
    return [
        defect(
            path, "position_zero", "A mutation at position 0 of its chromosome.", quarantined=1, reason="start_position"
        ),
        defect(
            bare,
            "missing_columns",
            "A MAF without classification, alleles and sample.",
            status="rejected",
            reason="column",
        ),
    ]


def bad_files(files: Files, delivery: str, dicom: str, exosome_folder: str) -> list[Defect]:
    """Files that no reader can take: each is refused with a reason, and the rest of the batch goes on."""
    photo = f"{delivery}/berlin/cytokine/plate_photo.csv"
    files[photo] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x00\x00" + bytes(range(256)) * 8
    empty = f"{delivery}/boston/clinical/treatment_2.csv"
    files[empty] = b""
    cut = dicom.replace("IM0001", "IM0009")
    # Cut within the name of the study: everything that identifies patient, study and series is gone.
    files[cut] = files[dicom][: files[dicom].index(b"MRI BRAIN") + 4]
    note = f"{exosome_folder}/LISEZMOI.txt"
    files[note] = "Les échantillons ont été décongelés une seule fois.\r\nMerci de prévenir le laboratoire.\r\n".encode(
        "cp1252"
    )
    return [
        defect(photo, "binary_named_csv", "A photograph named .csv.", status="rejected", reason="binary"),
        defect(empty, "empty_file", "A file of 0 bytes.", status="rejected", reason="empty"),
        defect(cut, "truncated_dicom", "A DICOM file cut within its header.", status="rejected", reason="DICOM"),
        defect(note, "unknown_text", "A note to the laboratory among its results.", status="rejected", reason="text"),
    ]
