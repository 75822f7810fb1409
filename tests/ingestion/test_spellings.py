"""The reading edge: identifiers leave it as pseudonyms, in the one spelling that their site declares."""

from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from infra.sites import IdRule
from ingestion.format import Format, RawFile
from ingestion.reading import read_file
from ingestion.sources.clinical import SOURCE as CLINICAL
from ingestion.sources.cytokine import SOURCE as CYTOKINE

keyed = Pseudonymiser(bytes(32))
SITE = Site(
    site_id="toulouse",
    patient_ids=IdRule(case="upper", remove="-_ "),
    sample_ids=IdRule(
        remove="-",
        pattern=r"(?P<patient>GBM\d{3})[_ ](?P<timepoint>W\d)",
        separator=" ",
        examples={"GBM001_W4": "GBM001 W4"},
    ),
)
SPECIMEN = "sample_id,patient_id,timepoint,collected_time\nGBM001 W4,gbm-001,W4,2024-03-28\n"
OLINK = (
    "SampleID;Index;OlinkID;UniProt;Assay;MissingFreq;Panel;Panel_Version;PlateID;QC_Warning;LOD;NPX\n"
    "GBM-001_W4;1;OID00471;P10145;IL8;0.1;Olink INFLAMMATION;v.3021;P1;Pass;1.1;7.2\n"
)


def column(format_: Format, text: str, name: str, site: Site) -> list[object]:
    batches = list(read_file(format_, RawFile("x.csv", text.encode()), site, keyed))
    assert [error for _, error in batches] == [None]
    return [value for batch, _ in batches for value in batch.column(name).to_pylist()]


def test_a_sample_of_the_laboratory_meets_its_specimen_where_the_site_says_how() -> None:
    specimen = next(f for f in CLINICAL.formats if f.name == "specimen_csv")
    plate = next(f for f in CYTOKINE.formats if f.name == "olink_long")
    undeclared = Site(site_id="toulouse")
    for site, is_one in ((SITE, True), (undeclared, False)):
        drawn, measured = column(specimen, SPECIMEN, "sample_id", site), column(plate, OLINK, "sample", site)
        assert (drawn == measured) is is_one
    assert column(specimen, SPECIMEN, "patient_id", SITE) == [keyed.identifier("toulouse", "GBM001")]
    assert column(specimen, SPECIMEN, "patient_id", undeclared) == [keyed.identifier("toulouse", "gbm-001")]
