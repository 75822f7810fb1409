"""The raw record of a MAF, and of an allele of a VCF in its terms: the columns that are used, as the file has them."""

from ingestion.format import RawColumn, RawSchema

MAF_ROW = RawSchema(
    "maf_row",
    (
        RawColumn("sample_id", role="identifier"),
        RawColumn("hugo_symbol"),
        RawColumn("chromosome"),
        RawColumn("start_position"),
        RawColumn("end_position"),
        RawColumn("reference_allele"),
        RawColumn("alternate_allele"),
        RawColumn("variant_class"),
        RawColumn("mutation_status"),
        RawColumn("genome_build"),
        RawColumn("protein_change"),
        RawColumn("t_ref_count"),
        RawColumn("t_alt_count"),
        RawColumn("t_depth"),
        RawColumn("vaf_percent"),
        RawColumn("annotation"),  # of a VCF: CSQ, ANN or none; null for a MAF
    ),
)
