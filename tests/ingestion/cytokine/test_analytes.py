"""Names of kits and instruments, and the proteins that they mean."""

import re
import string

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.cytokine.analytes import UNIPROT_OF, resolve, resolve_all, symbol_of, uniprot_ids

# UniProt's own grammar of an accession: https://www.uniprot.org/help/accession_numbers
ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")


@pytest.mark.parametrize(
    ("symbol", "uniprot", "names"),
    [
        ("CXCL8", "P10145", ["IL-8", "il 8", "CXCL8", "CXCL8/IL-8", "IL-8 (CXCL8)", "Human IL-8", "Hu IL-8 (54)"]),
        ("TNF", "P01375", ["TNFa", "TNF-a", "TNF-α", "TNF alpha", "TNF-alpha", "TNFA", "TNF"]),
        ("IFNG", "P01579", ["IFNg", "IFN-γ", "IFN-gamma", "IFN gamma", "INTERFERON GAMMA"]),
        ("CCL2", "P13500", ["MCP1", "MCP-1", "MCP-1/CCL2", "MCP-1 (MCAF)", "CCL2"]),
        ("CCL5", "P13501", ["RANTES", "rantes/CCL5"]),
        ("CCL3", "P10147", ["MIP1A", "MIP-1α", "MIP-1 alpha", "MIP-1a", "CCL3/MIP-1 alpha"]),
        ("CCL4", "P13236", ["MIP-1β", "MIP1B"]),
        ("CD274", "Q9NZQ7", ["PD-L1", "PDL1", "sPD-L1", "B7-H1", "PD-L1/B7-H1"]),
        ("VEGFA", "P15692", ["VEGF", "VEGF-A", "vegfa"]),
        ("IL6", "P05231", ["IL-6", "IL6", "IL 6", "Il-6", "IL-6 (19)"]),
        ("IL10", "P22301", ["IL-10"]),
        ("IL1B", "P01584", ["IL-1β", "IL-1b", "IL-1 beta", "IL1B"]),
        ("IL1RN", "P18510", ["IL-1Ra", "IL-1RA"]),
        ("IL12B", "P29460", ["IL-12p40", "IL-12 (p40)", "IL-12/IL-23p40"]),
        ("IL12A_IL12B", "P29459_P29460", ["IL-12p70", "IL-12 (p70)"]),
        ("FGF2", "P09038", ["FGF basic", "bFGF", "FGF-2", "basic FGF"]),
        ("CSF2", "P04141", ["GM-CSF"]),
    ],
)
def test_every_spelling_means_the_same_protein(symbol: str, uniprot: str, names: list[str]) -> None:
    assert {name: resolve(name) for name in names} == dict.fromkeys(names, (symbol, uniprot))


@pytest.mark.parametrize("name", ["alpha", "analyte1", "6P_PBS_3_day2", "IL-12", "GRO", "PDGF", "IL-6/IL-8", "", "s"])
def test_what_is_unknown_or_means_several_proteins_is_kept_as_given(name: str) -> None:
    assert symbol_of(name) is None
    assert resolve(name) == (name, None)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("TNFB", "P01374", ("LTA", "P01374")),
        ("IL-12", "P29459,P29460", ("IL12A_IL12B", "P29459_P29460")),
        ("MAPT", "P10636", ("MAPT", "P10636")),
        ("IL8", "NA", ("CXCL8", "P10145")),
        ("CD6", "Q8WWJ7", ("CD6", "P30203")),
    ],
)
def test_an_accession_in_the_file_decides_over_the_name(name: str, given: str, expected: tuple[str, str]) -> None:
    assert resolve(name, given) == expected


def test_columns_resolve_like_single_names() -> None:
    names = pa.array(["IL-8", "IL-8", None, "MAPT"])
    uniprot = pa.array([None, "P10145", None, "P10636"], pa.string())
    symbols, accessions = resolve_all(names, uniprot)
    assert symbols.to_pylist() == ["CXCL8", "CXCL8", None, "MAPT"]
    assert accessions.to_pylist() == ["P10145", "P10145", None, "P10636"]


def test_the_table_is_well_formed() -> None:
    for symbol, uniprot in UNIPROT_OF.items():
        assert all(ACCESSION.fullmatch(part) for part in uniprot.split("_")), symbol
        assert len(symbol.split("_")) == len(uniprot.split("_")), symbol
    assert len(set(UNIPROT_OF.values())) == len(UNIPROT_OF)


def test_uniprot_cells_with_several_accessions_are_written_one_way() -> None:
    assert {uniprot_ids(t) for t in ("P29459,P29460", "P29459_P29460", "p29459; P29460", " P29459 P29460")} == {
        "P29459_P29460"
    }
    assert uniprot_ids("NA") is uniprot_ids("") is uniprot_ids(None) is None


@given(st.sampled_from(sorted(UNIPROT_OF)), st.sampled_from(["", "-", " ", "_"]), st.booleans())
def test_case_and_hyphens_do_not_matter(symbol: str, between: str, is_upper: bool) -> None:
    cut = next((i for i, c in enumerate(symbol) if c in string.digits), len(symbol))
    name = symbol[:cut] + between + symbol[cut:]
    assert symbol_of(name.upper() if is_upper else name.lower()) == symbol


@given(st.text(), st.none() | st.text())
def test_any_name_gives_some_analyte(name: str, uniprot: str | None) -> None:
    assert isinstance(resolve(name, uniprot)[0], str)
