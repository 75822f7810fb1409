"""A made-up study in the files of cBioPortal: patients whose grade, IDH and age decide how long they live."""

from pathlib import Path

import numpy as np


def write_study(folder: Path, n_patients: int, seed: int = 7) -> None:
    """Clinical patient and sample files of gliomas. IDH mutation is commoner in low grades, methylates MGMT and
    lengthens life; age and grade shorten it; one in five is not typed, and half of the living are censored early.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    patients, samples = [], []
    for i in range(n_patients):
        grade = rng.choice([2, 3, 4], p=[0.3, 0.3, 0.4])
        is_mutant = rng.random() < {2: 0.8, 3: 0.6, 4: 0.1}[int(grade)]
        is_methylated = rng.random() < (0.85 if is_mutant else 0.4)
        age = int(np.clip(rng.normal(42 if is_mutant else 58, 9), 18, 85))
        risk = 0.7 * (grade - 3) - 1.2 * is_mutant - 0.4 * is_methylated + 0.03 * (age - 50)
        lives, followed = rng.exponential(20 * np.exp(-risk)), rng.uniform(6, 120)
        status = "1:DECEASED" if lives <= followed else "0:LIVING"
        patients.append([f"P-{i}", str(age), rng.choice(["Male", "Female"]), status, f"{min(lives, followed):.2f}"])
        typed = rng.random() < 0.8
        calls = [
            ("Mutant" if is_mutant else "WT") if typed else "NA",
            ("Methylated" if is_methylated else "Unmethylated") if typed else "NA",
            f"{rng.gamma(2.0, 0.5 if is_mutant else 1.0):.3f}" if typed else "NA",
        ]
        samples.append([f"P-{i}-01", f"P-{i}", f"G{grade}", *calls])
    _write(folder / "data_clinical_patient.txt", ["PATIENT_ID", "AGE", "SEX", "OS_STATUS", "OS_MONTHS"], patients)
    _write(
        folder / "data_clinical_sample.txt",
        ["SAMPLE_ID", "PATIENT_ID", "GRADE", "IDH_STATUS", "MGMT_PROMOTER_STATUS", "TMB_NONSYNONYMOUS"],
        samples,
    )


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    names = [name.replace("_", " ").title() for name in header]
    above = [names, names, ["STRING"] * len(header), ["1"] * len(header)]
    lines = ["#" + "\t".join(line) for line in above] + ["\t".join(line) for line in (header, *rows)]
    path.write_text("\n".join(lines) + "\n")
