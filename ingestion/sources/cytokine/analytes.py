"""Names of analytes: what kits and instruments call a protein, to its HGNC symbol and UniProt accession.

Symbols as approved by HGNC (genenames.org), accessions of the reviewed human entries of UniProt (uniprot.org).
A dimer carries both symbols and both accessions, joined by '_' in the order of the symbols. Names that mean different
proteins in different kits (IL-12, GRO, PDGF) are in no line on purpose: they are kept as given.
"""

import re
import unicodedata
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

# symbol | accession | other names. Greek letters, hyphens, spaces and case do not matter (see `_fold`).
_TABLE = """
IL1A|P01583|IL-1α
IL1B|P01584|IL-1β
IL1RN|P18510|IL-1Ra; IL-1RN; IL-1 receptor antagonist
IL1RL1|Q01638|ST2; sST2; IL-33R
IL2|P60568|IL-2
IL2RA|P01589|IL-2Rα; IL-2R; CD25
IL2RB|P14784|IL-2Rβ
IL3|P08700|IL-3
IL4|P05112|IL-4
IL5|P05113|IL-5
IL6|P05231|IL-6
IL6R|P08887|IL-6Rα; IL-6R
IL6ST|P40189|gp130
IL7|P13232|IL-7
CXCL8|P10145|IL-8; NAP-1
IL9|P15248|IL-9
IL10|P22301|IL-10
IL10RA|Q13651|IL-10Rα
IL10RB|Q08334|IL-10Rβ
IL11|P20809|IL-11
IL12B|P29460|IL-12p40; IL-12 (p40); IL-12/IL-23p40; IL-12/23p40; IL-12B
IL12A_IL12B|P29459_P29460|IL-12p70; IL-12 (p70)
IL13|P35225|IL-13
IL15|P40933|IL-15
IL15RA|Q13261|IL-15Rα
IL16|Q14005|IL-16
IL17A|Q16552|IL-17A; IL-17; CTLA-8
IL17B|Q9UHF5|IL-17B
IL17C|Q9P0M4|IL-17C
IL17F|Q96PD4|IL-17F
IL25|Q9H293|IL-17E; IL-25; IL-17E/IL-25
IL17A_IL17F|Q16552_Q96PD4|IL-17A/F
IL18|Q14116|IL-18
IL18BP|O95998|IL-18BP; IL-18BPa
IL18R1|Q13478|IL-18R1; IL-18Rα
IL19|Q9UHD0|IL-19
IL20|Q9NYY1|IL-20
IL20RA|Q9UHF4|IL-20Rα
IL21|Q9HBE4|IL-21
IL22|Q9GZX6|IL-22
IL22RA1|Q8N6P7|IL-22RA1
IL23A|Q9NPF7|IL-23p19
IL12B_IL23A|P29460_Q9NPF7|IL-23
IL24|Q13007|IL-24
IL26|Q9NPH9|IL-26
EBI3_IL27|Q14213_Q8NEV9|IL-27
IFNL1|Q8IU54|IL-29; IFN-λ1
IFNL2|Q8IZJ0|IL-28A; IFN-λ2
IFNL3|Q8IZI9|IL-28B; IFN-λ3
IL31|Q6EBC2|IL-31
IL32|P24001|IL-32
IL33|O95760|IL-33
IL34|Q6ZMJ4|IL-34
IL37|Q9NZH6|IL-37
IFNA2|P01563|IFN-α2; IFN-α2a
IFNB1|P01574|IFN-β; IFN-β1
IFNG|P01579|IFN-γ; interferon gamma
TNF|P01375|TNF-α; TNFSF2; tumor necrosis factor
LTA|P01374|TNF-β; lymphotoxin-α; LT-α
TNFRSF1A|P19438|TNFR1; TNF-R1; TNFRI; TNF-RI
TNFRSF1B|P20333|TNFR2; TNF-R2; TNFRII; TNF-RII
TNFRSF8|P28908|CD30
TNFRSF9|Q07011|4-1BB; CD137
TNFRSF11B|O00300|OPG; osteoprotegerin
TNFRSF14|Q92956|HVEM
TNFRSF18|Q9Y5U5|GITR
TNFSF10|P50591|TRAIL
TNFSF11|O14788|RANKL; TRANCE
TNFSF12|O43508|TWEAK
TNFSF13|O75888|APRIL
TNFSF13B|Q9Y275|BAFF; BLyS
TNFSF14|O43557|LIGHT
FASLG|P48023|FasL; Fas ligand; CD95L
CD40|P25942|TNFRSF5
CD40LG|P29965|CD40L; CD40 ligand; CD154
CSF1|P09603|M-CSF; CSF-1
CSF2|P04141|GM-CSF
CSF3|P09919|G-CSF
CCL1|P22362|I-309
CCL2|P13500|MCP-1; MCAF; MCP-1 (MCAF)
CCL3|P10147|MIP-1α
CCL4|P13236|MIP-1β
CCL5|P13501|RANTES
CCL7|P80098|MCP-3
CCL8|P80075|MCP-2
CCL11|P51671|eotaxin; eotaxin-1
CCL13|Q99616|MCP-4
CCL14|Q16627|HCC-1
CCL15|Q16663|MIP-1δ; HCC-2
CCL17|Q92583|TARC
CCL18|P55774|PARC; MIP-4
CCL19|Q99731|MIP-3β; ELC
CCL20|P78556|MIP-3α; LARC
CCL21|O00585|6Ckine; SLC
CCL22|O00626|MDC
CCL23|P55773|MPIF-1; CKβ8
CCL24|O00175|eotaxin-2; MPIF-2
CCL25|O15444|TECK
CCL26|Q9Y258|eotaxin-3
CCL27|Q9Y4X3|CTACK
CCL28|Q9NRJ3|MEC
CX3CL1|P78423|fractalkine
XCL1|P47992|lymphotactin
CXCL1|P09341|GRO-α; KC
CXCL2|P19875|GRO-β; MIP-2α
CXCL5|P42830|ENA-78
CXCL6|P80162|GCP-2
PPBP|P02775|CXCL7; NAP-2
PF4|P02776|CXCL4; PF-4
CXCL9|Q07325|MIG
CXCL10|P02778|IP-10
CXCL11|O14625|I-TAC
CXCL12|P48061|SDF-1; SDF-1α; SDF-1α+β
CXCL13|O43927|BCA-1; BLC
CXCL16|Q9H2A7|SR-PSOX
VEGFA|P15692|VEGF; VEGF-A
VEGFC|P49767|VEGF-C
VEGFD|O43915|VEGF-D; FIGF
FLT1|P17948|VEGFR1; VEGF-R1; Flt-1
KDR|P35968|VEGFR2; VEGF-R2; Flk-1
PGF|P49763|PlGF; PLGF
FGF2|P09038|bFGF; FGF basic; basic FGF; FGF-2
EGF|P01133|
TGFA|P01135|TGF-α
TGFB1|P01137|TGF-β1; LAP TGF-β1; LAP
TGFB2|P61812|TGF-β2
TGFB3|P10600|TGF-β3
HGF|P14210|
PDGFA|P04085|PDGF-AA
PDGFB|P01127|PDGF-BB
NGF|P01138|β-NGF; NGF-β
BDNF|P23560|
GDNF|P39905|
NTF3|P20783|NT-3
GDF15|Q99988|GDF-15; MIC-1
FGF19|O95750|FGF-19
FGF21|Q9NSA1|FGF-21
FGF23|Q9GZV9|FGF-23
KITLG|P21583|SCF; stem cell factor; c-kit ligand
FLT3LG|P49771|Flt3L; Flt-3L; Flt3 ligand; Flt-3 ligand
THPO|P40225|TPO; thrombopoietin
EPO|P01588|erythropoietin
LIF|P15018|
LIFR|P42702|LIF-R
OSM|P13725|oncostatin M
OSMR|Q99650|
TSLP|Q969D9|
MIF|P14174|
ANGPT1|Q15389|Ang-1; angiopoietin-1
ANGPT2|O15123|Ang-2; angiopoietin-2
TEK|Q02763|Tie-2; Tie2
ICAM1|P05362|ICAM-1; CD54
VCAM1|P19320|VCAM-1; CD106
SELE|P16581|E-selectin
SELP|P16109|P-selectin
CRP|P02741|C-reactive protein
SAA1|P0DJI8|SAA
MMP1|P03956|MMP-1
MMP2|P08253|MMP-2
MMP3|P08254|MMP-3
MMP7|P09237|MMP-7
MMP9|P14780|MMP-9
MMP10|P09238|MMP-10
TIMP1|P01033|TIMP-1
PLAU|P00749|uPA; urokinase
CD274|Q9NZQ7|PD-L1; B7-H1; PDL-1
PDCD1LG2|Q9BQ51|PD-L2; B7-DC
PDCD1|Q15116|PD-1; CD279
CTLA4|P16410|CTLA-4; CD152
LAG3|P18627|LAG-3; CD223
HAVCR2|Q8TDQ0|TIM-3
TIGIT|Q495A1|
BTLA|Q7Z6A9|
ICOS|Q9Y6W8|CD278
CD27|P26842|
CD28|P10747|
CD80|P33681|B7-1
CD86|P42081|B7-2
CD244|Q9BZW8|2B4
CD5|P06127|
CD6|P30203|
CD8A|P01732|
IDO1|P14902|IDO
GZMA|P12544|granzyme A
GZMB|P10144|granzyme B
PRF1|P14222|perforin
LGALS9|O00182|galectin-9; Gal-9
S100A12|P80511|EN-RAGE
SPP1|P10451|osteopontin; OPN
CHI3L1|P36222|YKL-40
GFAP|P14136|
LEP|P41159|leptin
ADA|P00813|
ARTN|Q5T4W7|artemin
AXIN1|O15169|
CASP8|Q14790|CASP-8
CDCP1|Q9H5V8|
CST5|P28325|
DNER|Q8NFT8|
EIF4EBP1|Q13541|4E-BP1
FGF5|P12034|FGF-5
NRTN|Q99748|neurturin
SIRT2|Q8IXJ6|
SLAMF1|Q13291|
STAMBP|O95630|STAMPB
SULT1A1|P50225|ST1A1
"""

_MERGED = {"Q8WWJ7": "P30203", "Q8NF90": "P12034"}
"""Accessions that UniProt has merged into another entry and that panels still print."""

_GREEK = {
    "α": "a",
    "β": "b",
    "γ": "g",
    "δ": "d",
    "ε": "e",
    "κ": "k",
    "λ": "l",
    "alpha": "a",
    "beta": "b",
    "gamma": "g",
    "delta": "d",
    "lambda": "l",
}
_GREEK_WORD = re.compile("|".join(_GREEK))
_SPECIES = re.compile(r"(?:human|hu|h)[\s_-]+")
_BEAD_REGION = re.compile(r"\s*[(\[](?:br|bead|region)?\s*#?\d+[)\]]$")
_PARTS = re.compile(r"[/()]")
_BETWEEN = "\x1f"  # ASCII unit separator: in no name


def _fold(name: str) -> str:
    """A name without case, Greek letters, hyphens and spaces: 'IFN-γ' and 'IFN gamma' are both 'ifng'."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = _GREEK_WORD.sub(lambda match: _GREEK[match[0]], text)
    return re.sub(r"[^0-9a-z]", "", text)


def _index() -> tuple[dict[str, str], dict[str, str]]:
    accession_of: dict[str, str] = {}
    symbol_of: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        symbol, accession, names = line.split("|")
        accession_of[symbol] = accession
        for name in (symbol, *names.split(";")):
            key = _fold(name)
            if key and symbol_of.setdefault(key, symbol) != symbol:
                raise ValueError(f"the alias table gives {name.strip()} to {symbol_of[key]} and to {symbol}")
    return accession_of, symbol_of


UNIPROT_OF, _SYMBOL_OF = _index()
"""UNIPROT_OF: accession by HGNC symbol."""
_SYMBOL_OF_UNIPROT = {accession: symbol for symbol, accession in UNIPROT_OF.items()}


def symbol_of(name: str) -> str | None:
    """HGNC symbol of a protein's name in a kit or export; None where the name is unknown or means several.

    Understood beside the names of the table: a species before the name ('Human IL-6', 'Hu IL-6'), a bead region after
    it ('IL-6 (19)'), two names at once if both mean the same ('CXCL8/IL-8', 'MCP-1 (CCL2)'), soluble forms ('sPD-L1').
    """
    text = _BEAD_REGION.sub("", _SPECIES.sub("", unicodedata.normalize("NFKC", name).strip().casefold(), count=1))
    whole = _SYMBOL_OF.get(_fold(text))
    if whole:
        return whole
    parts = {_SYMBOL_OF.get(_fold(part)) for part in _PARTS.split(text) if part.strip()}
    if len(parts) == 1 and (symbol := parts.pop()):
        return symbol
    return _SYMBOL_OF.get(_fold(text[1:])) if text.startswith("s") else None


def uniprot_ids(text: str | None) -> str | None:
    """The accessions of a file's UniProt cell ('P29459,P29460') as this project writes them: 'P29459_P29460'."""
    if not text:
        return None
    parts = (part for part in re.split(r"[\s,;_/|]+", text.upper()) if part and part != "NA")
    return "_".join(_MERGED.get(part, part) for part in parts) or None


@cache
def resolve(name: str, uniprot: str | None = None) -> tuple[str, str | None]:
    """(HGNC symbol, UniProt accession) of an analyte; the name as given where it is unknown.

    An accession that the file gives decides over the name: names are ambiguous, accessions are not.
    """
    given = uniprot_ids(uniprot)
    if given:
        return _SYMBOL_OF_UNIPROT.get(given, name), given
    symbol = symbol_of(name)
    return (symbol, UNIPROT_OF[symbol]) if symbol else (name, None)


def resolve_all(names: pa.Array, uniprot: pa.Array) -> tuple[pa.Array, pa.Array]:
    """`resolve` over two string arrays: (symbols, accessions). A distinct pair is looked up once; null stays null."""
    pairs = pc.binary_join_element_wise(names, pc.fill_null(uniprot, ""), _BETWEEN).dictionary_encode()
    distinct = [pair.split(_BETWEEN, 1) for pair in pairs.dictionary.to_pylist()]
    found = [resolve(name, given or None) for name, given in distinct]
    symbols = pa.array([symbol for symbol, _ in found], pa.string())
    accessions = pa.array([accession for _, accession in found], pa.string())
    return symbols.take(pairs.indices), accessions.take(pairs.indices)
