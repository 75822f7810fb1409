"""Mutations on Spark: raw records to tables, and the burden under both definitions."""

from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.sources.mutations import SOURCE
from ingestion.sources.mutations.burden import derive_mutational_burden
from tests.ingestion.mutations.frames import conformed, rows
from tests.ingestion.mutations.vcfs import annotated, csq, vcf

pytestmark = pytest.mark.slow

SITE = Site(site_id="boston", reporting_delay_days={"mutations": 28.0, "clinical": 2.0})

MAF = """\
Hugo_Symbol\tChromosome\tStart_Position\tEnd_Position\tVariant_Classification\tReference_Allele\tTumor_Seq_Allele2\t\
Tumor_Sample_Barcode\tNCBI_Build\tMutation_Status\tHGVSp_Short\tt_ref_count\tt_alt_count\ti_TumorVAF_WU
TP53\tchr17\t100\t100\tMissense_Mutation\tC\tT\texome\thg19\tSomatic\tp.R1C\t30\t10\t
TP53\t17\t200\t200\tSplice_Region\tC\tT\texome\t37\tSomatic\t\t\t\t45.5
PTEN\t10\t300\t300\tMissense_Mutation\tC\tT\texome\tGRCh37\tGermline\t\t0\t0\t
TTN\tNA\tNA\tNA\tNonsense_Mutation\tNA\tNA\tpanel\tGRCh38\tSomatic\tp.W1*\t\t\t
TTN\tNA\tNA\tNA\tNonsense_Mutation\tNA\tNA\tpanel\tGRCh38\tSomatic\tp.W2*\t\t\t
BRCA1\t23\t400\t400\tTranslation_Start_Site\tC\tT\tmaf only\tGRCh38.p13\t\t\t\t\t
EGFR\t7\t500\t500\tMissense_Mutation\tC\tT\ttiny panel\tGRCh38\tSomatic\t\t\t\t
EGFR\t7\t600\t600\tMissense_Mutation\tC\tT\timpact\tGRCh38\tSomatic\t\tmany\t\t
EGFR\t7\t700\t700\tMissense_Mutation\tC\tT\tgene list\tGRCh38\tSomatic\t\t\t\t
"""
STUDY = {
    "data_mutations.txt": MAF.encode(),
    "cases_sequenced.txt": b"cancer_study_identifier: s\nstable_id: s_sequenced\n"
                           b"case_list_ids: exome\tnone\tpanel\n",
    "data_gene_panel_matrix.txt": b"SAMPLE_ID\tmutations\npanel\tP1\ntiny panel\tP2\nimpact\tMSK-IMPACT468\n"
                                  b"gene list\tP3\nnone\tNA\nnot sequenced\tNA\n",
    "data_gene_panel_p1.txt": b"stable_id: P1\nnumber_of_profiled_coding_base_pairs: 500000\n",
    "data_gene_panel_p2.txt": b"stable_id: P2\nnumber_of_profiled_coding_base_pairs: 199999\n",
    "data_gene_panel_p3.txt": b"stable_id: P3\ngene_list: EGFR\tTP53\n",
}  # fmt: skip


def test_variants(spark: SparkSession) -> None:
    variant = conformed(spark, SOURCE, {"data_mutations.txt": MAF.encode()}, SITE)["variant"]
    columns = ("chromosome", "start_position", "genome_build", "protein_change", "vaf", "problem")
    assert rows(variant, *columns) == [
        ("17", 100, "GRCh37", None, 0.25, None),
        ("17", 200, "GRCh37", None, 0.455, None),
        ("10", 300, "GRCh37", None, None, None),
        (None, None, "GRCh38", "p.W1*", None, None),
        (None, None, "GRCh38", "p.W2*", None, None),
        ("X", 400, "GRCh38", None, None, None),
        ("7", 500, "GRCh38", None, None, None),
        ("7", 600, "GRCh38", None, None, "t_ref_count is not a number"),
        ("7", 700, "GRCh38", None, None, None),
    ]
    assert {r[:3] for r in rows(variant, "event_time", "known_time", "reporting_delay_days")} == {(None, None, 28.0)}


def test_burden_under_both_definitions(spark: SparkSession) -> None:
    frames = conformed(spark, SOURCE, STUDY, SITE)
    burden = derive_mutational_burden(frames, frames.__getitem__)
    made = burden.collect()
    found = {
        (r.sample_id, r.definition): (r.n_counted, r.denominator_mb, r.tmb_per_mb, r.denominator_source) for r in made
    }
    assert {(r.sample_id, r.missing_reason) for r in made if r.missing_reason} == {
        ("tiny panel", "panel under 0.2 Mb"),
        ("gene list", "panel of unknown coding size"),
    }
    cbioportal, maftools = "tmb.cbioportal-9class/30Mb", "tmb.maftools/50Mb"
    exome, bare = "definition default for exomes", "definition default; in no list of sequenced samples"
    unknown = "panel of unknown coding size"
    assert found == {
        ("exome", cbioportal): (2, 30.0, 2 / 30, exome),  # the germline mutation is left out
        ("exome", maftools): (1, 50.0, 1 / 50, exome),  # and so is Splice_Region
        ("none", cbioportal): (0, 30.0, 0.0, exome),
        ("none", maftools): (0, 50.0, 0.0, exome),
        ("panel", cbioportal): (2, 0.5, 4.0, "panel file"),
        ("panel", maftools): (2, 0.5, 4.0, "panel file"),
        ("maf only", cbioportal): (0, 30.0, 0.0, bare),
        ("maf only", maftools): (1, 50.0, 1 / 50, bare),
        ("tiny panel", cbioportal): (1, 0.199999, None, "panel file"),
        ("tiny panel", maftools): (1, 0.199999, None, "panel file"),
        ("impact", cbioportal): (1, 1.1327, 1 / 1.1327, "published size"),
        ("impact", maftools): (1, 1.1327, 1 / 1.1327, "published size"),
        ("gene list", cbioportal): (1, None, None, unknown),
        ("gene list", maftools): (1, None, None, unknown),
    }


def test_a_panel_that_comes_later_touches_its_samples_only(spark: SparkSession) -> None:
    frames = conformed(spark, SOURCE, STUDY, SITE)
    late = {"gene_panel": frames["gene_panel"].filter("panel_id = 'P1'")}
    burden = derive_mutational_burden(late, frames.__getitem__)
    assert {r.sample_id for r in burden.collect()} == {"panel"}


def test_a_burden_is_known_with_the_last_of_its_inputs(spark: SparkSession) -> None:
    frames = conformed(spark, SOURCE, STUDY, SITE)
    reported = F.lit(datetime(2024, 4, 2, tzinfo=UTC))
    frames["variant"] = frames["variant"].withColumn("known_time", F.when(F.col("start_position") == 200, reported))
    frames["sequenced_sample"] = frames["sequenced_sample"].withColumn("reporting_delay_days", F.lit(30.0))
    burden = derive_mutational_burden(frames, frames.__getitem__).filter("definition = 'tmb.maftools/50Mb'")
    burden = burden.withColumn("is_known", F.col("known_time").eqNullSafe(reported))
    known = {r.sample_id: (r.is_known, r.reporting_delay_days, r.file_id) for r in burden.collect()}
    assert known["exome"] == (True, 30.0, "cases_sequenced.txt")
    assert known["panel"] == (False, 30.0, "data_gene_panel_matrix.txt")
    assert known["maf only"] == (False, 28.0, "data_mutations.txt")


def test_a_vcf_counts_as_its_maf_and_without_annotation_not_at_all(spark: SparkSession) -> None:
    one = "chr17 100 . C T . PASS CSQ={} GT:AD 0/0:30,0 0/1:30,10"
    bare = vcf("17 100 . C T . PASS . GT 0/0 0/1", "17 200 . C T . PASS . GT 0/0 0/1")
    files = {
        "annotated.vcf": annotated(
            one.format(csq("missense_variant")),
            one.format(csq("intron_variant")).replace("100", "200"),
            one.format(csq("stop_gained")).replace("100", "300"),
        ).replace("P1-", "full-"),
        "bare.vcf": bare.replace("P1-", "bare-"),
        # annotated later, by a MAF: nothing is open any more
        "resolved.vcf": bare.replace("P1-", "late-"),
        "late.maf": MAF.split("\n", maxsplit=1)[0] + "\n" + "".join(
            f"TP53\tchr17\t{at}\t{at}\t{kind}\tC\tT\tlate-T\thg19\tSomatic\t\t\t\t\n"
            for at, kind in ((100, "Missense_Mutation"), (200, "Silent"))
        ),
        "germline.vcf": vcf("17 100 . C T . PASS SS=1 GT 0/1 0/1").replace("P1-", "germline-"),
        "cases_sequenced.txt": "cancer_study_identifier: s\nstable_id: s_sequenced\ncase_list_ids: bare-T\tfull-T\n",
        "data_gene_panel_matrix.txt": "SAMPLE_ID\tmutations\nfull-T\tP1\n",
        "data_gene_panel_p1.txt": "stable_id: P1\nnumber_of_profiled_coding_base_pairs: 500000\n",
    }  # fmt: skip
    frames = conformed(spark, SOURCE, {name: text.encode() for name, text in files.items()}, SITE)
    full = frames["variant"].filter("sample_id = 'full-T'")
    assert rows(full, "chromosome", "start_position", "variant_class", "annotation", "genome_build", "vaf") == [
        ("17", 100, "Missense_Mutation", "CSQ", "GRCh38", 0.25),
        ("17", 200, "Intron", "CSQ", "GRCh38", 0.25),
        ("17", 300, "Nonsense_Mutation", "CSQ", "GRCh38", 0.25),
    ]
    burden = derive_mutational_burden(frames, frames.__getitem__).filter("definition = 'tmb.cbioportal-9class/30Mb'")
    assert {tuple(r) for r in burden.select("sample_id", "n_counted", "tmb_per_mb", "missing_reason").collect()} == {
        ("full-T", 2, 4.0, None),
        ("bare-T", None, None, "variants without annotation"),
        ("late-T", 1, 1 / 30, None),
        ("germline-T", 0, 0.0, None),
    }


def test_the_laml_cohort(spark: SparkSession, shared_data: Path) -> None:
    frames = conformed(spark, SOURCE, {"laml.maf": (shared_data / "mutation/tcga_laml.maf.gz").read_bytes()})
    empty = conformed(spark, SOURCE, STUDY)
    inputs = {"variant": frames["variant"], **{t: empty[t].limit(0) for t in ("sequenced_sample", "gene_panel")}}
    burden = derive_mutational_burden({"variant": frames["variant"]}, inputs.__getitem__)
    counts = [r.n_counted for r in burden.filter("definition = 'tmb.maftools/50Mb'").collect()]
    mutated = [n for n in counts if n]
    assert (len(counts), len(mutated), sum(counts), median(mutated), max(counts)) == (193, 192, 1732, 9, 34)


@pytest.mark.parametrize(
    ("age", "months", "said"),
    [
        ("61", "9223372036854775808", "os_months is more than 200 years"),
        ("61", "-1e300", "os_months is before day 0"),
        ("9" * 40, "12", "age is beyond what a count can be"),
        ("-2147483648", "12", None),
        ("1e999", "1e999", "age is not a number; os_months is not a number"),
    ],
)
def test_a_number_beyond_all_sense_is_one_bad_record(
    spark: SparkSession, age: str, months: str, said: str | None
) -> None:
    """Spark's arithmetic ends the whole batch where a number does not fit."""
    patients = f"#a\n#\n#\n#\nPATIENT_ID\tAGE\tOS_STATUS\tOS_MONTHS\nP1\t{age}\t1:DECEASED\t{months}\n"
    frames = conformed(spark, SOURCE, {"data_clinical_patient.txt": patients.encode()}, SITE)
    [(problem,)] = rows(frames["patient"], "problem")
    assert problem == said
    assert all(row.problem == said for row in frames["outcome"].collect())


def test_clinical_files_of_a_study(spark: SparkSession) -> None:
    files = {
        "data_clinical_patient.txt": b"#a\tb\tc\td\te\tf\n#\n#\n#\n"
        b"PATIENT_ID\tSEX\tAGE\tOS_STATUS\tOS_MONTHS\tPFS_STATUS\tPFS_MONTHS\n"
        b"P1\tMale\t61.5\t1:DECEASED\t12\t1:PROGRESSED\t2\nP2\t\t\t0:LIVING\tNA\t\t\nP3\t\t\t0:LIVING\t-1\t\t\n",
        "data_clinical_sample.txt": b"#a\tb\n#\n#\n#\nSAMPLE_ID\tPATIENT_ID\tSAMPLE_TYPE\tMGMT_PROMOTER_STATUS\t"
        b"TMB_NONSYNONYMOUS\tGRADE\nS1\tP1\tRecurrence\tMethylated\t0.7\tG4\nS2\tP2\t\tNA\tmany\tNA\n",
    }
    frames = conformed(spark, SOURCE, files, SITE)
    day = "date_format(event_time, 'yyyy-MM-dd HH:mm')"
    known = "date_format(known_time, 'yyyy-MM-dd')"
    zero = "2000-01-01 00:00"
    tables = {name: frame.withColumns({"day": F.expr(day), "known": F.expr(known)}) for name, frame in frames.items()}
    assert rows(tables["patient"], "patient_id", "sex", "birth_year", "day", "known", "problem") == [
        ("P1", "male", 1939, zero, "2000-01-03", None),
        ("P2", None, None, zero, "2000-01-03", None),
        ("P3", None, None, zero, "2000-01-03", "os_months is before day 0"),
    ]
    # 12 months are 365.25 days, 2 are 60.875.
    assert sorted(rows(tables["outcome"], "patient_id", "endpoint", "is_event", "day")) == [
        ("P1", "OS", True, "2000-12-31 06:00"),
        ("P1", "PFS", True, "2000-03-01 21:00"),
        ("P3", "OS", False, "1999-12-01 13:30"),
    ]
    assert rows(tables["specimen"], "sample_id", "patient_id", "specimen_type", "timepoint", "day") == [
        ("S1", "P1", "tumour", "recurrence", zero),
        ("S2", "P2", "tumour", None, zero),
    ]
    assert sorted(rows(tables["biomarker"], "sample_id", "marker", "value", "unit", "call")) == [
        ("S1", "GRADE", None, None, "G4"),
        ("S1", "MGMT", None, None, "methylated"),
        ("S1", "TMB", 0.7, "1/1000000{Base}", None),
    ]
    assert rows(frames["specimen"], "problem") == [(None,), ("tmb_nonsynonymous is not a number",)]
