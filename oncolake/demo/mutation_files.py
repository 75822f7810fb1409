"""Tumour sequencing as a cBioPortal study folder: mutations (MAF), the list of sequenced samples, panels, their matrix.

Most samples are exomes, some a panel. A sequenced sample may have no mutation, and then only the list knows it.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from oncolake.demo.hospitals import Hospital
from oncolake.demo.study import Patient, rng_of

PANEL_ID = "NEURO-ONCO-V2"
PANEL_BASES = 1_132_700
EXOME_MB = 30.0
SHARE_EXOME = 0.6
MAF_COLUMNS = (
    "Hugo_Symbol",
    "Center",
    "NCBI_Build",
    "Chromosome",
    "Start_Position",
    "End_Position",
    "Strand",
    "Variant_Classification",
    "Variant_Type",
    "Reference_Allele",
    "Tumor_Seq_Allele1",
    "Tumor_Seq_Allele2",
    "Tumor_Sample_Barcode",
    "Mutation_Status",
    "t_ref_count",
    "t_alt_count",
)
GENES = {
    "TP53": "17",
    "PTEN": "10",
    "EGFR": "7",
    "NF1": "17",
    "RB1": "13",
    "PIK3CA": "3",
    "PIK3R1": "5",
    "ATRX": "X",
    "IDH1": "2",
    "PDGFRA": "4",
    "CDK4": "12",
    "MDM2": "12",
    "MDM4": "1",
    "TERT": "5",
    "BRAF": "7",
    "FGFR3": "4",
    "MET": "7",
    "NOTCH1": "9",
    "CIC": "19",
    "FUBP1": "1",
    "MSH2": "2",
    "MSH6": "2",
    "MLH1": "3",
    "PMS2": "7",
    "POLE": "12",
    "POLD1": "19",
    "ARID1A": "1",
    "SETD2": "3",
    "KMT2D": "12",
    "SMARCA4": "19",
    "STAG2": "X",
    "LZTR1": "22",
    "SPTA1": "1",
    "KEL": "7",
    "GABRA6": "5",
    "SEMA3C": "7",
    "TTN": "2",
    "MUC16": "19",
    "PCLO": "7",
    "RYR2": "1",
    "FLG": "1",
    "LRP2": "2",
    "DNAH5": "5",
    "AHNAK": "11",
    "HMCN1": "1",
    "SYNE1": "6",
    "OBSCN": "1",
    "USH2A": "1",
    "XIRP2": "2",
    "CSMD3": "8",
    "FAT1": "4",
    "LAMA2": "6",
    "DST": "6",
    "COL6A3": "2",
    "RELN": "7",
}
N_PANEL_GENES = 32
CLASSES = {
    # Variant_Classification: (share, Variant_Type)
    "Missense_Mutation": (0.62, "SNP"),
    "Silent": (0.18, "SNP"),
    "Nonsense_Mutation": (0.06, "SNP"),
    "Frame_Shift_Del": (0.05, "DEL"),
    "Frame_Shift_Ins": (0.03, "INS"),
    "Splice_Site": (0.03, "SNP"),
    "In_Frame_Del": (0.02, "DEL"),
    "Splice_Region": (0.01, "SNP"),
}
SHARE_NON_SILENT = 0.82


def study_folder(patients: Sequence[Patient], hospital: Hospital, seed: int) -> dict[str, str]:
    """The files of a hospital's study by their path in its folder; empty where nothing was sequenced."""
    ours = [p for p in patients if p.hospital is hospital and p.is_sequenced]
    if not ours:
        return {}
    study = f"glioma_{hospital.site_id}_2025"
    panel = {p.tumour_sample_id: rng_of(seed, "panel", p.index).random() >= SHARE_EXOME for p in ours}
    rows = [row for p in ours for row in mutations(p, panel[p.tumour_sample_id], seed)]
    genes = sorted(list(GENES)[:N_PANEL_GENES])
    matrix = [f"{sample}\t{PANEL_ID if is_panel else 'NA'}" for sample, is_panel in panel.items()]
    return {
        "meta_study.txt": _meta(
            type_of_cancer="gbm",
            cancer_study_identifier=study,
            name=f"Recurrent glioblastoma ({hospital.site_id})",
            description="Re-irradiation with durvalumab",
            reference_genome=_genome(hospital)[0],
        ),
        "meta_mutations.txt": _meta(
            cancer_study_identifier=study,
            genetic_alteration_type="MUTATION_EXTENDED",
            datatype="MAF",
            stable_id="mutations",
            show_profile_in_analysis_tab="true",
            profile_name="Mutations",
            profile_description="Somatic mutations from exomes and a panel.",
            data_filename="data_mutations.txt",
        ),
        "data_mutations.txt": "#version 2.4\n" + _table(MAF_COLUMNS, rows),
        "meta_gene_panel_matrix.txt": _meta(
            cancer_study_identifier=study,
            genetic_alteration_type="GENE_PANEL_MATRIX",
            datatype="GENE_PANEL_MATRIX",
            data_filename="data_gene_panel_matrix.txt",
        ),
        "data_gene_panel_matrix.txt": "\n".join(["SAMPLE_ID\tmutations", *matrix]) + "\n",
        f"data_gene_panel_{PANEL_ID.lower()}.txt": _meta(
            stable_id=PANEL_ID,
            description="Panel for tumours of the brain.",
            number_of_profiled_coding_base_pairs=str(PANEL_BASES),
            gene_list="\t".join(genes),
        ),
        "case_lists/cases_sequenced.txt": _meta(
            cancer_study_identifier=study,
            stable_id=f"{study}_sequenced",
            case_list_name="Sequenced tumours",
            case_list_description="Samples profiled for mutations",
            case_list_ids="\t".join(panel),
        ),
    }


def mutations(patient: Patient, is_panel: bool, seed: int) -> list[list[str]]:
    """The MAF rows of a patient's tumour, no two at the same place."""
    rng = rng_of(seed, "mutations", patient.index)
    per_mb = (
        float(rng.uniform(20, 45))
        if patient.latent.is_hypermutated
        else float(np.exp(0.45 + 0.45 * rng.standard_normal()))
    )
    size_mb = PANEL_BASES / 1e6 if is_panel else EXOME_MB
    n = int(rng.poisson(per_mb * size_mb / SHARE_NON_SILENT))
    genes = list(GENES)[: N_PANEL_GENES if is_panel else None]
    classes = list(CLASSES)
    shares = np.array([share for share, _ in CLASSES.values()])
    _, build, prefix = _genome(patient.hospital)
    starts = rng.choice(9_000_000, size=n, replace=False) * 10 + 1_000_000
    rows = []
    for start in starts.tolist():
        gene = genes[int(rng.integers(len(genes)))]
        variant_class = classes[int(rng.choice(len(classes), p=shares / shares.sum()))]
        reference, alternate, length, kind = _alleles(rng, variant_class)
        depth = int(rng.integers(60, 400))
        supporting = int(rng.binomial(depth, rng.uniform(0.08, 0.45)))
        rows.append(
            [
                gene,
                patient.hospital.site_id,
                build,
                prefix + GENES[gene],
                str(start),
                str(start + length - 1),
                "+",
                variant_class,
                kind,
                reference,
                reference,
                alternate,
                patient.tumour_sample_id,
                "Somatic",
                str(depth - supporting),
                str(supporting),
            ]
        )
    return rows


def _alleles(rng: np.random.Generator, variant_class: str) -> tuple[str, str, int, str]:
    """Reference and alternate allele, the bases from start to end, and the type."""
    kind = CLASSES[variant_class][1]
    bases = "".join(rng.choice(list("ACGT"), size=3 if variant_class.startswith("In_Frame") else 1))
    if kind == "DEL":
        return bases, "-", len(bases), kind
    if kind == "INS":
        return "-", bases, 2, kind
    other = "ACGT".replace(bases, "")
    return bases, other[int(rng.integers(3))], 1, kind


def _genome(hospital: Hospital) -> tuple[str, str, str]:
    """Name of the genome in the study, in the MAF, and what stands before a chromosome."""
    return ("hg38", "GRCh38", "chr") if hospital.site_id == "boston" else ("hg19", "GRCh37", "")


def _meta(**fields: str) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _table(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(["\t".join(columns), *("\t".join(row) for row in rows)]) + "\n"
