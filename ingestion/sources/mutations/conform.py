"""Raw rows of MAF and VCF to `variant`. They have no dates: the collection and the declared delay stand in."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import carry, number, unreadable_number, whole_number, with_problems
from ingestion.sources.cbioportal.conform import undated

_BUILDS = {"37": "GRCh37", "hg19": "GRCh37", "grch37": "GRCh37", "38": "GRCh38", "hg38": "GRCh38", "grch38": "GRCh38"}
_CHROMOSOMES = {"23": "X", "24": "Y", "M": "MT", "25": "MT"}
_NUMBERS = ("t_ref_count", "t_alt_count", "t_depth", "vaf_percent")
_POSITIONS = ("start_position", "end_position")


def conform_maf_row(maf_row: DataFrame, site: Site) -> dict[str, DataFrame]:
    """`variant`. The protein change stays only where there is no position: there it tells mutations of a gene apart."""
    rows = with_problems(
        maf_row,
        [
            *unreadable_number(maf_row, *_NUMBERS),
            *(
                (F.col(p).isNotNull() & whole_number(F.col(p)).isNull(), f"{p} is not a whole number")
                for p in _POSITIONS
            ),
        ],
    )
    start_position = whole_number(F.col("start_position"))
    variant = rows.select(
        *carry(rows),
        "sample_id",
        "hugo_symbol",
        _chromosome().alias("chromosome"),
        start_position.alias("start_position"),
        whole_number(F.col("end_position")).alias("end_position"),
        "reference_allele",
        "alternate_allele",
        F.when(start_position.isNull(), F.col("protein_change")).alias("protein_change"),
        "variant_class",
        F.coalesce("annotation", F.lit("MAF")).alias("annotation"),
        "mutation_status",
        _genome_build().alias("genome_build"),
        _vaf().alias("vaf"),
        *undated(site),
    )
    return {"variant": variant}


def _chromosome() -> Column:
    name = F.upper(F.regexp_replace(F.col("chromosome"), "(?i)^chr", ""))
    return _replaced(name, _CHROMOSOMES)


def _genome_build() -> Column:
    build = F.col("genome_build")
    # 'GRCh37-lite', 'GRCh38.p13': patches do not move coordinates.
    return F.coalesce(_mapped(F.lower(F.regexp_extract(build, "^[A-Za-z0-9]+", 0)), _BUILDS), build)


def _vaf() -> Column:
    """alt / (ref + alt), else alt / depth, else the percent that the file gives; null without reads."""
    ref, alt, depth, percent = (number(F.col(name)) for name in _NUMBERS)  # in the order of _NUMBERS
    reads = F.coalesce(ref + alt, depth)
    return F.coalesce(F.when(reads > 0, alt / reads), percent / 100)


def _mapped(value: Column, names: dict[str, str]) -> Column:
    return F.create_map(*(F.lit(part) for pair in names.items() for part in pair))[value]


def _replaced(value: Column, names: dict[str, str]) -> Column:
    return F.coalesce(_mapped(value, names), value)
