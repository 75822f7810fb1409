"""Writes small plates in the forms of MSD, INTELLIFLEX and Bio-Plex software, for tests to vary."""

from collections.abc import Sequence

Lines = Sequence[Sequence[str]]

WORKBENCH_COLUMNS = [
    "Sample", "Assay", "Well", "Spot", "Fit Statistic: RSquared", "Detection Range", "Dilution", "Concentration",
    "Signal", "Adjusted Signal", "Mean", "Adj. Sig. Mean", "CV", "% Recovery", "% Recovery Mean",
    "Calc. Concentration", "Calc. Conc. Mean",
]  # fmt: skip

# sample, assay, well, spot, detection range, dilution, nominal, signal, calculated
WORKBENCH_ROWS = [
    ("S001", "IL-6", "A01", "3", "In Detection Range", "", "1000", "90000", "998.5"),
    ("S007", "IL-6", "B01", "3", "In Detection Range", "", "0.5", "210", "0.48"),
    ("S008", "IL-6", "C01", "3", "", "", "0", "88", "NaN"),
    ("C001", "IL-6", "D01", "3", "In Detection Range", "", "", "4100", "41.5"),
    ("U001", "IL-6", "E01", "3", "In Detection Range", "2", "", "812", "8.25"),
    ("U001", "IL-6", "F01", "3", "Above Detection Range", "1", "", "95000", "1004"),
    ("U002", "IL-6", "G01", "3", "Above Fit Curve Range", "1", "", "99000", "1250.5"),
    ("U003", "IL-6", "H01", "3", "Below Fit Curve Range", "1", "", "70", "NaN"),
    ("U004", "IL-6", "A02", "3", "Below Detection Range", "1", "", "95", "NaN"),
    ("Durand W0", "IL-6", "B02", "3", "", "1", "", "300", ""),
    ("U005", "IL-6", "C02", "3", "", "1", "", "301", "NaN"),
]


def workbench_lines(
    rows: Sequence[Sequence[str]] = WORKBENCH_ROWS, without: Sequence[str] = (), plate: str = "Plate_2BO40"
) -> list[list[str]]:
    """The lines of a Workbench table; `without`: optional columns that it does not have."""
    lines = [[plate], [name for name in WORKBENCH_COLUMNS if name not in without]]
    for sample, assay, well, spot, state, dilution, nominal, signal, calculated in rows:
        cells = [
            sample, assay, well, spot, "0.999", state, dilution, nominal, signal, f"{signal}.5", "7777", "7777", "3.1",
            "99", "99", calculated, "6666",
        ]  # fmt: skip
        lines.append([c for name, c in zip(WORKBENCH_COLUMNS, cells, strict=True) if name not in without])
    return lines


def joined(lines: Lines, separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(line) + end for line in lines)


def methodical(
    spots: int = 1,
    read_time: str = "09/28/2023\t13:39:33 EDT",
    barcode: str = "<*22M0T*>",
    assays: str = "",
    name: str = "C:\\ECL\\plate.txt",
    spot_id: str = "",
    wells: Sequence[str] = ("A", "B"),
) -> str:
    """One plate of two columns; the signal of row A, column 1, spot 1 is 101."""
    lines = [
        f"FileName :\t{name}", "Stack ID :\t0.1", "Plate #  :\t1", f"Barcode1 :\t{barcode}", "Type     :\t96",
        f"Spots Per Well:\t{spots}", f"Read Time:\t{read_time}", "Version  :\tMMPR 1.0.38", "", "User     :\tdmc",
        f"Assays   :\t{assays}", f"SpotID   :\t{spot_id}", f"{'=' * 10}Data{'=' * 40}", "  \t1         \t2         \t",
    ]  # fmt: skip
    for i, letter in enumerate(wells):
        for spot in range(spots):
            first = 100 * (spot + 1) + 10 * i + 1
            label = f"{letter} " if spot == 0 else "  "
            lines.append(f"{label}\t     {first}  \t     {first + 1}  \t")
        lines += [""] if spots > 1 else []
    lines += ["", f"{'=' * 10}Processing{'=' * 40}", "Radius   :\t18.00\t", "Sector   :\t1\t", ""]
    return "\r\n".join(lines)


INTELLIFLEX_ROWS = [
    # well, type, status, sample, dilution, RP1 (median, net, count), RP2
    ("A1", "S1", "Completed", "Standard1", "1", ("15000.5", "14990.5", "60"), ("40.25", "30.25", "60")),
    ("B1", "B", "Completed", "Background0", "1", ("10", "0", "58"), ("10", "0", "58")),
    ("C1", "U1", "Completed", "P1 W0", "4", ("812.5", "802.5", "61"), ("21", "11", "61")),
    ("D1", "U2", "Dry", "P1 W6", "4", ("NaN", "NaN", "NaN"), ("NaN", "NaN", "NaN")),
]


def intelliflex_lines(start: str = "2026-02-25 04:42:08 PM", end: str = "2026-02-25 04:58:48 PM") -> list[list[str]]:
    """A plate with one bead region under two reporters; the dry well names no analyte."""
    per_reporter = ["ANALYTE NAME", "REGION", "MEDIAN", "NET MEDIAN", "COUNT", "AVERAGE MFI"]
    names = ["INSTRUMENT TYPE", "SOFTWARE VERSION", "PLATE NAME", "PLATE START", "PLATE END", "WELL LOCATION"]
    names += ["WELL TYPE", "WELL STATUS", "SAMPLE ID", "DILUTION", "PROTOCOL NAME", "TOTAL EVENTS"]
    names += [f"R25: RP{n} {what}" for n in (1, 2) for what in per_reporter]
    lines = [[*names, ""]]
    for well, kind, status, sample, dilution, *reporters in INTELLIFLEX_ROWS:
        cells = ["INTELLIFLEX", "Bundle - 2.1/Control - 4.8", "PLATE_9", start, end, well, kind, status, sample]
        cells += [dilution, "Panel [v1]", "0" if status == "Dry" else "240"]
        for median, net, count in reporters:
            dry = median == "NaN"
            cells += ["NaN" if dry else "IL-6", "NaN" if dry else "25", median, net, count, "5555"]
        lines.append([*cells, ""])
    return lines


SIGNATURE = "--DOCUMENT SIGNATURE--\nInstrument Serial Number: IFLX1\nData Signature: \nABCD1234\n"

# what is written where a concentration is due: (attributes of MWObsConc, its text)
SET = 'ReadingOK="true" ReadError="OK" ReadErrorCode="0" RecoveryRange="InRange" RecoveryRangeCode="0"'
NOT_SET = (
    'ReadingOK="false" ReadError="Data field has not been set" ReadErrorCode="9" RecoveryRange="NotInRange" '
    'RecoveryRangeCode="9"'
)
FINE = 'Valid="true" Code="0" OutlierType="None"'


def bioplex_well(row: int, column: int, reading: str = FINE, conc: str = SET, value: str = "33.25") -> str:
    """One well of a sample: its place, fluorescence 812 and a concentration."""
    return (
        f'<MemberWell RowNo="{row}" ColNo="{column}" WellNumber="1"><MWAnalytes><MWAnalyte RegionNumber="19">'
        f"<AnalyteName>IL-6</AnalyteName><Reading {reading}>8.12000000000000000E+002</Reading>"
        f"<MWObsConc {conc}>{value}</MWObsConc></MWAnalyte></MWAnalytes></MemberWell>"
    )


def bioplex_sample(kind: str, label: str, wells: str, nominal: str = "0", description: str = "") -> str:
    return (
        f"<{kind}><Description>{description}</Description><Label>{label}</Label><Dilution>4</Dilution>"
        f'<Analytes><Analyte RegionNumber="19"><AnalyteName>IL-6</AnalyteName><RawMean>7777</RawMean>'
        f'<ExpectedConc>{nominal}</ExpectedConc><ExpectedConcValidationFlag Code="0">OK</ExpectedConcValidationFlag>'
        f"</Analyte></Analytes><MemberWells>{wells}</MemberWells></{kind}>"
    )


def bioplex_xml(
    others: str, unit: str = "pg/ml", plate: str = "PLATE_5", standards: tuple[str, str] = ("1000", "0.5")
) -> str:
    """An export in which one well, A1, was read; S1 and S2 are its standards."""
    stds = "".join(
        bioplex_sample("Standard", f"S{i + 1}", bioplex_well(1, i + 1), nominal) for i, nominal in enumerate(standards)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<bpm:BioPlexManager xmlns:bpm="http://www.Bio-Rad.com/XMLschema/2010/Bio-Plex_5" XmlExportUser="waldo">
  <NativeDocumentName>file 5</NativeDocumentName><PlateDimensions Columns="12" Rows="8" TotalWells="96" />
  <Wells><Well RowNo="1" ColNo="1" WellNo="1"><PlateID>{plate}</PlateID><User>baz</User>
    <AcquisitionTime>2023-05-09T18:55:02Z</AcquisitionTime><RunProtocolDocumentName>48-plex</RunProtocolDocumentName>
    <TotalEvents>717</TotalEvents>
    <BeadRegions><BeadRegion RegionNumber="19"><RegionCount>60</RegionCount><Median>813.50</Median></BeadRegion>
    </BeadRegions><BeadEventData Events="1">19 2878 138 6 0</BeadEventData></Well></Wells>
  <StandardCurves><Interpolators><Interpolator RegionNumber="19"><AnalyteName>IL-6</AnalyteName>
    <ConcentrationUnits>{unit}</ConcentrationUnits><WorkingRecoveryRange IsValid="true" MinConc="1.5" MaxConc="900" />
  </Interpolator></Interpolators></StandardCurves>
  <Samples><Blanks></Blanks><Standards>{stds}</Standards><Unknowns>{others}</Unknowns></Samples>
</bpm:BioPlexManager>
"""


REPORT_HEADER = [
    ["File Name: run 5.rbx"],
    ["Acquisition Date: 21-Jan-2024, 06:00 PM"],
    ["Reader Serial Number: LXD1234"],
    ["Plate ID: PLATE_5"],
    [],
]
REPORT_COLUMNS = [
    "Type", "Well", "Outlier", "Description", "FI", "FI - Bkgd", "Std Dev", "%CV", "Exp Conc", "Obs Conc",
    "(Obs/Exp) * 100", "Conc in Range", "Bead Count", "Dilution", "Sampling Errors",
]  # fmt: skip

# type, well, description, FI, nominal, observed, dilution
REPORT_ROWS = [
    ("B", "A1", "", "20", "", "", "1"),
    ("S1", "B1", "", "15000", "1000", "998.5", "1"),
    ("S2", "C1", "", "190", "0.5", "0.48", "1"),
    ("C1", "D1", "QC low", "4000", "", "41.5", "1"),
    ("X1", "E1,F1", "P1 W0", "812", "", "33.25", "4"),
    ("X1", "E1", "P1 W0", "810", "", "33", "4"),
    ("X1", "F1", "P1 W0", "814", "", "33.5", "4"),
    ("X2", "G1", "", "25", "", "OOR <", "1"),
    ("X3", "H1", "", "25000", "", "OOR >", "1"),
    ("X4", "A2", "", "40", "", "*0.31", "1"),
    ("X5", "B2", "", "***", "", "***", "1:4"),
    ("X6", "C2", "", "---", "", "---", "1"),
    ("X7", "D2", "", "30", "", "<< 2.5", "1"),
]


def report_lines(rows: Sequence[Sequence[str]] = REPORT_ROWS, analyte: str = "Hu IL-6 (19)") -> list[list[str]]:
    """One analyte's sheet of a Bio-Plex report."""
    lines = [[f"Analyte: {analyte}"], *REPORT_HEADER, list(REPORT_COLUMNS)]
    for kind, wells, description, fi, nominal, observed, dilution in rows:
        background = fi if fi in ("***", "---") else f"{float(fi) - 5:g}"
        lines.append(
            [kind, wells, "", description, fi, background, "1", "2", nominal, observed, "99", "***", "60", dilution, ""]
        )
    return [
        *lines,
        [],
        ["Conc in Range = Unknown sample concentrations within range where standards recovery is 70-130%."],
    ]


def wide_report_lines() -> list[list[str]]:
    """Two analytes side by side, a table for each quantity."""
    lines = [list(line) for line in REPORT_HEADER]
    values = {
        "Obs Conc": [("33.25", "*4.5"), ("OOR <", "OOR >")],
        "FI": [("812", "64"), ("25", "15800")],
        "Bead Count": [("60", "61"), ("62", "63")],
    }
    for quantity, cells in values.items():
        lines += [["", "", "", "IL-6 (19)", "TNF-α (45)"], ["Type", "Well", "Description", quantity, quantity]]
        lines += [["X1", "C3", "P1 W0", *cells[0]], ["X2", "D3", "P1 W6", *cells[1]], []]
    return lines
