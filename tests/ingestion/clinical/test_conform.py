"""Clinical templates on Spark: times, numbers and the MGMT call."""

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.sources.clinical import SOURCE
from tests.ingestion.mutations.frames import conformed, rows

pytestmark = pytest.mark.slow

SITE = Site(site_id="toulouse", day_first=True, reporting_delay_days={"clinical": 2.0})


def table(spark: SparkSession, name: str, text: str) -> DataFrame:
    """The one table that a template file becomes, its times as text (UTC)."""
    frames = conformed(spark, SOURCE, {"table.csv": text.encode()}, SITE)
    assert list(frames) == [name]
    times = {c: F.date_format(c, "yyyy-MM-dd HH:mm") for c in ("event_time", "known_time")}
    return frames[name].withColumns(times)


def test_a_patient_without_enrolment_is_placed_by_birth_year_else_at_day_zero(spark: SparkSession) -> None:
    patient = table(
        spark,
        "patient",
        "patient_id;sex;birth_date;enrolled_date\nP1;F;03/05/1960;13/02/2024\nP2;H;03/05/1960;\nP3;H;;\n",
    )
    assert rows(patient, "patient_id", "sex", "birth_year", "event_time", "known_time") == [
        ("P1", "female", 1960, "2024-02-13 00:00", "2024-02-16 00:00"),  # a bare day ends at midnight; 2 days more
        ("P2", "male", 1960, "1960-01-01 00:00", "1960-01-03 00:00"),
        ("P3", "male", None, "2000-01-01 00:00", "2000-01-03 00:00"),
    ]


def test_the_mgmt_call_follows_from_the_percentage(spark: SparkSession) -> None:
    biomarker = table(
        spark,
        "biomarker",
        "patient_id;marker;value;unit;call;method;measured_time;report_time\n"
        "P1;MGMT;4,9;%;;pyrosequencing;28/03/2024 10:00;02/04/2024 16:00\n"
        "P2;MGMT;5;%;;pyrosequencing;28/03/2024 10:00;\n"
        "P3;MGMT;12;%;;pyrosequencing;28/03/2024 10:00;\n"
        "P4;MGMT;12,1;%;;pyrosequencing;28/03/2024 10:00;\n"
        "P5;MGMT;3;%;methylated;;28/03/2024 10:00;\n"
        "P6;PD-L1;60;%;;SP263 TPS;28/03/2024 10:00;\n"
        "P7;PD-L1;<1;%;;SP263 TPS;28/03/2024 10:00;\n",
    )
    assert rows(biomarker, "patient_id", "value", "call", "known_time", "problem") == [
        ("P1", 4.9, "unmethylated", "2024-04-02 16:00", None),
        ("P2", 5.0, "grey", "2024-03-30 10:00", None),
        ("P3", 12.0, "grey", "2024-03-30 10:00", None),
        ("P4", 12.1, "methylated", "2024-03-30 10:00", None),
        ("P5", 3.0, "methylated", "2024-03-30 10:00", None),
        ("P6", 60.0, None, "2024-03-30 10:00", None),
        ("P7", None, None, "2024-03-30 10:00", "value is not a number"),
    ]


def test_treatments_specimens_and_outcomes(spark: SparkSession) -> None:
    treatment = table(
        spark,
        "treatment",
        "patient_id;kind;agent;start_time;stop_time;dose;unit\n"
        "P1;radiothérapie;cyberknife;28/03/2024 10:00;28/03/2024 10:25;6,5;Gy\n",
    )
    assert rows(treatment, "kind", "agent", "dose", "unit", "event_time") == [
        ("radiotherapy_fraction", "cyberknife", 6.5, "Gy", "2024-03-28 10:00"),
    ]
    specimen = table(spark, "specimen", "sample_id;patient_id;collected_date\nS1;P1;28/03/2024\n")
    assert rows(specimen, "sample_id", "event_time", "known_time") == [("S1", "2024-03-28 00:00", "2024-03-31 00:00")]
    outcome = table(
        spark, "outcome", "patient_id;endpoint;outcome_date;is_event;report_date\nP1;OS;28/03/2024;oui;28/03/2024\n"
    )
    assert rows(outcome, "endpoint", "is_event", "event_time", "known_time") == [
        ("OS", True, "2024-03-28 00:00", "2024-03-29 00:00"),
    ]
