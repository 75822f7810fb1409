"""Vesicles in samples: particles by size, and the markers on them."""

from infra.checks import Between, NotNull, OneOf
from infra.table import Column, Table
from infra.tables.clinical import SAMPLE_ID
from infra.tables.laboratory import DELAY, OPERATOR_TEXT, OPERATORS

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
    description="Proteins and RNA on or in vesicles, as reported: a value below or above its limit stays that.",
    key=("sample_id", "marker", "method", "plate_id", "replicate"),
    is_timed=False,
    columns=(
        SAMPLE_ID,
        Column("marker", "string", "CD9, CD63, CD81, TSG101, a miRNA or protein id.", checks=(NotNull(),)),
        Column("method", "string", "Assay."),
        Column("plate_id", "string", "Pseudonym of the plate or run; null where the file names none."),
        Column("replicate", "string", "Which replicate; null where the file names none."),
        Column(
            "value",
            "double",
            "Measured value, in `unit`; null where operator is '<', '>' or 'none'.",
            checks=(NotNull(where="operator = '='"), Between(low=0, where="operator = '='", severity="warning")),
        ),
        Column("operator", "string", OPERATOR_TEXT, checks=(NotNull(), OneOf(OPERATORS))),
        Column("reported", "string", "The value as the file writes it."),
        Column("lloq", "double", "Lower limit, in `unit`."),
        Column("uloq", "double", "Upper limit, in `unit`."),
        Column(
            "unit",
            "string",
            "UCUM unit of value and limits.",
            checks=(NotNull("warning", where="value IS NOT NULL"),),
        ),
        Column(
            "qc_flag",
            "string",
            "Why there is no value, or what is said of it.",
            checks=(
                NotNull(),
                OneOf(
                    (
                        "pass",
                        "extrapolated",
                        "out_of_range",
                        "outside_fit_curve",
                        "outside_detection_range",
                        "not_detected",
                        "empty_well",
                        "not_reported",
                        "not_applicable",
                        "malfunction",
                        "outlier",
                    )
                ),
            ),
        ),
        Column("measured_time", "timestamp", "When it was measured (UTC)."),
        DELAY,
    ),
)
