"""Monitor numerics as CSV: wide (a column a signal) or long (a row a value), as the hospital exports them."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from oncolake.demo.hospitals import Hospital
from oncolake.demo.monitor import SIGNALS, MonitorCase
from oncolake.demo.study import Patient

UNITS = {"MAP": "mm[Hg]", "SBP": "mm[Hg]", "DBP": "mm[Hg]", "HR": "/min", "SPO2": "%"}


def case_id(patient: Patient) -> str:
    """The case number, made of the patient's identifier as many systems do."""
    return f"OR-{patient.patient_id}-1"


def monitor_csv(patient: Patient, case: MonitorCase) -> bytes:
    """One operation in the layout of the patient's hospital."""
    layout = _wide if patient.hospital.monitor_layout == "wide" else _long
    return _render(patient.hospital, layout(patient, case))


def _long(patient: Patient, case: MonitorCase) -> Iterable[list[str]]:
    yield ["case_id", "patient_id", "time", "signal", "value", "unit"]
    hospital, number = patient.hospital, case_id(patient)
    for i, second in enumerate(case.seconds.tolist()):
        moment = hospital.write_time(patient.surgery + timedelta(seconds=second))
        for signal in SIGNALS:
            value = case.signals[signal][i]
            if not np.isnan(value):
                yield [number, patient.patient_id, moment, signal, f"{value:.0f}", UNITS[signal]]


def _wide(patient: Patient, case: MonitorCase) -> Iterable[list[str]]:
    yield ["case_id", "patient_id", "time", *SIGNALS]
    hospital, number = patient.hospital, case_id(patient)
    for i, second in enumerate(case.seconds.tolist()):
        values = [case.signals[signal][i] for signal in SIGNALS]
        if np.isnan(values).all():
            continue
        moment = hospital.write_time(patient.surgery + timedelta(seconds=second))
        yield [number, patient.patient_id, moment, *("" if np.isnan(v) else f"{v:.0f}" for v in values)]


def _render(hospital: Hospital, rows: Iterable[list[str]]) -> bytes:
    lines = [hospital.separator.join(row) for row in rows]
    return (hospital.line_end.join(lines) + hospital.line_end).encode(hospital.encoding)
