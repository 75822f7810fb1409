"""What laboratories measured in samples: vesicles, cytokines, mutations.

Rows carry `sample_id`; `specimen` says whose it is and when it was drawn, and may come later.
"""

from infra.checks import Between, Matches, NotNull, OneOf
from infra.table import Column, Table
from infra.tables.clinical import OPTIONAL_SAMPLE_ID, SAMPLE_ID

DELAY = Column(
    "reporting_delay_days",
    "double",
    "Declared delay from collection to report, used where the file has no report date.",
    "d",
    (NotNull(where="known_time IS NULL"), Between(low=0)),
)
OPERATORS = ("=", "<", ">", "*", "none")
_OPERATOR_TEXT = (
    "How to read the value: '=' measured; '<' below and '>' above the limit (lloq, uloq where the file gives it); "
    "'*' extrapolated beyond the standards; 'none' no value, and qc_flag says why."
)
_SIZE = (Between(0, 5000),)

exosome_measurement = Table(
    name="exosome_measurement",
    grain="one replicate (video) of one sample",
    description="Particle concentration and size by nanoparticle tracking. Concentrations are of the sample before "
    "dilution only where is_dilution_applied; the bins are always as the instrument wrote them.",
    key=("sample_id", "measurement_id", "replicate"),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column(
            "measurement_id",
            "string",
            "Pseudonym of the measurement (experiment) within the sample.",
            checks=(NotNull(),),
        ),
        Column(
            "replicate",
            "string",
            "Pseudonym of the video, or 'average' for the instrument's own average.",
            checks=(NotNull(),),
        ),
        Column(
            "is_instrument_average",
            "boolean",
            "True for the average that the instrument wrote; features skip it.",
            checks=(NotNull(),),
        ),
        Column("measured_time", "timestamp", "When the instrument captured it (UTC)."),
        Column(
            "concentration_per_ml",
            "double",
            "Particles per mL, as the instrument reports it.",
            "/mL",
            (Between(0, 1e16), NotNull("warning", where="validity = 'valid'")),
        ),
        Column("mean_nm", "double", "Mean diameter, number weighted.", "nm", _SIZE),
        Column("mode_nm", "double", "Mode of the diameter.", "nm", _SIZE),
        Column("sd_nm", "double", "Standard deviation of the diameter.", "nm", _SIZE),
        Column("d10_nm", "double", "10th percentile of the diameter.", "nm", _SIZE),
        Column("d50_nm", "double", "Median diameter.", "nm", _SIZE),
        Column("d90_nm", "double", "90th percentile of the diameter.", "nm", _SIZE),
        Column("valid_tracks", "int", "Tracks that the size distribution rests on.", "1", (Between(low=0),)),
        Column(
            "validity",
            "string",
            "Whether the video can be used.",
            checks=(NotNull(), OneOf(("valid", "unreliable", "no_data", "no_particles"))),
        ),
        Column(
            "dilution_factor",
            "double",
            "How often the sample was diluted; null where it is not recorded.",
            "1",
            (Between(low=1),),
        ),
        Column(
            "is_dilution_applied",
            "boolean",
            "Whether the concentrations already count the dilution.",
            checks=(NotNull(),),
        ),
        Column("method", "string", "Instrument and software."),
        Column("bin_centre_nm", "array<double>", "Centres of the size bins.", "nm"),
        Column("bin_concentration_per_ml", "array<double>", "Particles per mL in each bin.", "/mL"),
        DELAY,
    ),
)

exosome_cargo = Table(
    name="exosome_cargo",
    grain="one marker of one sample",
    description="Proteins and RNA on or in vesicles.",
    key=("sample_id", "marker", "method"),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column("marker", "string", "CD9, CD63, CD81, TSG101, a miRNA or protein id.", checks=(NotNull(),)),
        Column("value", "double", "Measured value, in `unit`."),
        Column("operator", "string", _OPERATOR_TEXT, checks=(NotNull(), OneOf(OPERATORS))),
        Column("unit", "string", "UCUM unit of the value."),
        Column("method", "string", "Assay."),
        DELAY,
    ),
)

cytokine_result = Table(
    name="cytokine_result",
    grain="one analyte in one well (standards, controls and blanks too)",
    description="Plate results. Features use sample_type 'unknown' only. NPX is log2 and relative: never to be "
    "averaged with a concentration.",
    key=("plate_id", "well", "sample_id", "replicate", "analyte", "assay_id", "platform"),
    is_timed=False,
    columns=(
        Column("plate_id", "string", "Pseudonym of the plate.", checks=(NotNull(),)),
        Column(
            "well",
            "string",
            "Well of the plate (A1 ... H12, P24); null where the export names none.",
            checks=(Matches("[A-P][0-9]{1,2}"),),
        ),
        OPTIONAL_SAMPLE_ID,
        Column(
            "replicate",
            "int",
            "Number, from 1, among readings that plate, well, sample and assay do not tell "
            "apart: a well read twice, a control named alike where the export names no well.",
            checks=(NotNull(), Between(low=1)),
        ),
        Column(
            "sample_type",
            "string",
            "What is in the well.",
            checks=(NotNull(), OneOf(("unknown", "standard", "control", "blank"))),
        ),
        Column(
            "analyte",
            "string",
            "HGNC symbol, or the name as given where the alias table does not know it.",
            checks=(NotNull(),),
        ),
        Column("analyte_as_given", "string", "The analyte's name in the file.", checks=(NotNull(),)),
        Column(
            "uniprot_id",
            "string",
            "UniProt accession; those of a dimer joined by '_'.",
            checks=(NotNull("info", where="sample_type = 'unknown'"),),
        ),
        Column(
            "assay_id",
            "string",
            "OlinkID, or the bead region of a Luminex plate: tells assays of one analyte "
            "apart (IL6 is in several Olink panels).",
        ),
        Column("panel", "string", "Olink panel, or the protocol of a Luminex plate."),
        Column(
            "value",
            "double",
            "Concentration or NPX, in `unit`; null where operator is '<', '>' or 'none'.",
            checks=(NotNull(where="operator = '='"), Between(low=0, where="unit <> '{NPX}'")),
        ),
        Column("operator", "string", _OPERATOR_TEXT, checks=(NotNull(), OneOf(OPERATORS))),
        Column("reported", "string", "The value as the file writes it."),
        Column(
            "lloq",
            "double",
            "Lower limit for this analyte on this plate, in `unit`. For NPX the LOD: a value "
            "below it is still a value (operator '=', qc_flag 'below_lod').",
        ),
        Column("uloq", "double", "Upper limit for this analyte on this plate, in `unit`."),
        Column(
            "unit",
            "string",
            "UCUM unit of value and limits; {NPX} for Olink.",
            checks=(NotNull(where="operator = '='"),),
        ),
        Column(
            "platform",
            "string",
            "Instrument family.",
            checks=(
                NotNull(),
                OneOf(("luminex_xponent", "olink_target", "olink_explore", "msd", "bioplex", "intelliflex")),
            ),
        ),
        Column("dilution_factor", "double", "Dilution of the sample.", "1", (Between(low=0),)),
        Column("median_fluorescence", "double", "Median fluorescence intensity (Luminex).", "{RFU}"),
        Column("net_fluorescence", "double", "Median fluorescence less the blank (Luminex).", "{RFU}"),
        Column(
            "bead_count",
            "int",
            "Beads counted for this analyte (Luminex).",
            "1",
            (Between(low=35, severity="warning", where="sample_type = 'unknown'"),),
        ),
        Column("total_events", "int", "Beads of all analytes counted in the well (Luminex).", "1", (Between(low=0),)),
        Column("expected_value", "double", "Nominal concentration of a standard or control, in `unit`."),
        Column(
            "qc_flag",
            "string",
            "Why there is no value, or what the export warns of.",
            checks=(
                NotNull(),
                OneOf(
                    (
                        "pass",
                        "warning",
                        "fail",
                        "below_lod",
                        "extrapolated",
                        "out_of_range",
                        "outside_fit_curve",
                        "empty_well",
                        "not_reported",
                        "not_applicable",
                        "malfunction",
                        "outlier",
                    )
                ),
            ),
        ),
        Column("qc_message", "string", "What the instrument says about the well, in its own words."),
        Column("measured_time", "timestamp", "When the plate was read (UTC)."),
        DELAY,
    ),
)

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
        Column("variant_class", "string", "MAF Variant_Classification.", checks=(NotNull(),)),
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
        Column("n_counted", "int", "Mutations that the definition counts.", "1", (Between(low=0),)),
        Column("denominator_mb", "double", "Denominator.", "Mb", (Between(low=0),)),
        Column("denominator_source", "string", "Where the denominator comes from."),
        Column(
            "tmb_per_mb",
            "double",
            "Burden; null where the panel covers under 0.2 Mb.",
            "1/1000000{Base}",
            (Between(low=0),),
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
