"""Proteins measured in the wells of a plate."""

from infra.checks import Between, Matches, NotNull, OneOf
from infra.table import Column, Table
from infra.tables.clinical import OPTIONAL_SAMPLE_ID
from infra.tables.laboratory import DELAY, OPERATOR_TEXT, OPERATORS

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
            "What is in the well: an unknown is a sample to be measured; not_stated where the export does not say.",
            checks=(NotNull(), OneOf(("unknown", "standard", "control", "blank", "not_stated"))),
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
            "OlinkID, bead region of a Luminex plate (with the reporter, '25/RP2', where the instrument names it), or "
            "spot of an MSD well: tells assays of one analyte apart (IL6 is in several Olink panels).",
        ),
        Column("panel", "string", "Olink panel, or the protocol of a Luminex plate."),
        Column(
            "value",
            "double",
            "Concentration or NPX, in `unit`; null where operator is '<', '>' or 'none'.",
            checks=(NotNull(where="operator = '='"), Between(low=0, where="unit <> '{NPX}'")),
        ),
        Column("operator", "string", OPERATOR_TEXT, checks=(NotNull(), OneOf(OPERATORS))),
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
            "ecl_signal",
            "double",
            "Electrochemiluminescence of the spot (MSD): a signal of the instrument, not a concentration.",
            "{RLU}",
        ),
        Column("ecl_signal_adjusted", "double", "The same as MSD Workbench adjusted it before the fit.", "{RLU}"),
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
                        "outside_detection_range",
                        "not_calculated",
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
