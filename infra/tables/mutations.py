"""Called mutations of samples, what was sequenced, and the burdens computed from both."""

from infra.checks import Between, NotNull, OneOf
from infra.table import Column, Table
from infra.tables.clinical import SAMPLE_ID
from infra.tables.laboratory import DELAY

variant = Table(
    name="variant",
    grain="a called mutation of a sample",
    description="Somatic mutations, one row an allele.",
    key=(
        "sample_id",
        "genome_build",
        "chromosome",
        "start_position",
        "reference_allele",
        "alternate_allele",
        "hugo_symbol",
        "protein_change",
    ),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column("hugo_symbol", "string", "HGNC symbol of the gene."),
        Column("chromosome", "string", "1 to 22, X, Y, MT, without 'chr'."),
        Column("start_position", "bigint", "First base, 1-based, on genome_build.", "1", (Between(low=1),)),
        Column("end_position", "bigint", "Last base, 1-based.", "1", (Between(low=1),)),
        Column("reference_allele", "string", "Reference allele ('-' for an insertion)."),
        Column("alternate_allele", "string", "Mutated allele ('-' for a deletion)."),
        Column(
            "protein_change",
            "string",
            "Protein change, only where the file gives no position: there it tells the mutations of a gene apart.",
        ),
        Column(
            "variant_class",
            "string",
            "MAF Variant_Classification; null where a VCF is not annotated, and then its sample has no burden.",
            checks=(NotNull(where="annotation IN ('MAF', 'CSQ', 'ANN')"),),
        ),
        Column(
            "annotation",
            "string",
            "Where variant_class comes from: the MAF, VEP's CSQ or SnpEff's ANN of a VCF (by vcf2maf's convention); "
            "'none' for a VCF without either.",
            checks=(NotNull(), OneOf(("MAF", "CSQ", "ANN", "none"))),
        ),
        Column("mutation_status", "string", "MAF Mutation_Status: Somatic, Germline ..."),
        Column(
            "genome_build",
            "string",
            "Reference genome.",
            checks=(NotNull("warning"), OneOf(("GRCh37", "GRCh38"), "warning")),
        ),
        Column("vaf", "double", "Variant allele fraction.", "1", (Between(0, 1),)),
        DELAY,
    ),
)

sequenced_sample = Table(
    name="sequenced_sample",
    grain="a sample that was sequenced on a panel",
    description="Which samples were profiled for mutations, and on which panel: the difference between no mutation "
    "and not sequenced.",
    key=("sample_id", "panel_id"),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column(
            "panel_id",
            "string",
            "Gene panel; 'exome' where the sample is listed without one. A panel beside "
            "'exome' for the same sample is the more precise statement and wins.",
            checks=(NotNull(),),
        ),
        DELAY,
    ),
)

gene_panel = Table(
    name="gene_panel",
    grain="a gene panel of a site",
    description="How many coding bases a panel covers: the denominator of the burden.",
    key=("site_id", "panel_id"),
    is_timed=False,
    columns=(
        Column("panel_id", "string", "Name of the panel.", checks=(NotNull(),)),
        Column(
            "coding_mb",
            "double",
            "Coding bases that the panel covers; null where its file lists only genes.",
            "Mb",
            (Between(low=0),),
        ),
        Column("coding_source", "string", "Where coding_mb comes from."),
        Column("n_genes", "int", "Genes on the panel.", "1", (Between(low=1),)),
        DELAY,
    ),
)

mutational_burden = Table(
    name="mutational_burden",
    grain="a burden of a sample under one definition",
    description="Derived from variant and sequenced_sample. LOINC 94076-7.",
    key=("sample_id", "definition"),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column(
            "definition",
            "string",
            "Name and version of the definition (tmb.cbioportal-9class/30Mb ...).",
            checks=(NotNull(),),
        ),
        Column(
            "n_counted",
            "int",
            "Mutations that the definition counts; null where some could not be classified.",
            "1",
            (Between(low=0),),
        ),
        Column("denominator_mb", "double", "Denominator.", "Mb", (Between(low=0),)),
        Column("denominator_source", "string", "Where the denominator comes from."),
        Column(
            "tmb_per_mb",
            "double",
            "Burden; null where missing_reason says why.",
            "1/1000000{Base}",
            (Between(low=0),),
        ),
        Column(
            "missing_reason",
            "string",
            "Why there is no burden: variants without annotation, a panel of unknown coding size, or under 0.2 Mb.",
        ),
        Column(
            "is_hypermutated",
            "boolean",
            "Over 17 per Mb (Campbell 2017 puts hypermutation at 10, "
            "temozolomide-driven gliomas lie far above); flagged, never an error.",
        ),
        DELAY,
    ),
)
