"""Words of clinical tables, English and French, onto the codes of the lake. Small, closed and declared.

A word that is in no vocabulary is a problem of its record: it is neither guessed nor passed on, since a cell
that should hold a code and does not may hold anything.
"""

import re
import unicodedata
from collections.abc import Mapping

import pyarrow as pa

from ingestion.columnar import distinct, mapped

Vocabulary = Mapping[str, tuple[str, ...]]
"""Words by code. Case, accents and punctuation of the words do not matter; a code is always a word for itself."""

UNKNOWN = ("", "unknown", "inconnu", "inconnue", "not available", "non renseigne", "nr", "nd", "na")
"""Words for 'not known': null, and no problem."""

SEX: Vocabulary = {
    "female": ("f", "woman", "femme", "feminin", "w"),
    "male": ("m", "man", "homme", "masculin", "h"),
    "other": ("o", "autre", "x", "intersex"),
}
YES_NO: Vocabulary = {
    "true": ("yes", "y", "1", "oui", "o", "vrai", "event", "dead", "deceased", "decede", "decedee"),
    "false": ("no", "n", "0", "non", "faux", "censored", "censure", "alive", "living", "vivant", "vivante"),
}
SPECIMEN_TYPE: Vocabulary = {
    "plasma": ("edta plasma", "plasma edta"),
    "serum": (),
    "whole_blood": ("blood", "sang", "sang total"),
    "tumour": ("tumor", "tumeur", "tissue", "ffpe", "biopsy", "biopsie"),
    "csf": ("lcr", "cerebrospinal fluid", "liquide cephalorachidien"),
    "urine": (),
    "other": ("autre",),
}
TREATMENT_KIND: Vocabulary = {
    "radiotherapy_fraction": (
        "radiotherapy",
        "fraction",
        "rt",
        "srt",
        "radiotherapie",
        "fraction de radiotherapie",
        "stereotactic radiotherapy",
        "radiotherapie stereotaxique",
    ),
    "immunotherapy": ("immunotherapie",),
    "chemotherapy": ("chimiotherapie", "chemo"),
    "surgery": ("chirurgie", "resection", "operation"),
    "corticosteroid": ("corticosteroids", "steroid", "corticoide", "corticoides", "corticotherapie"),
    "other": ("autre",),
}
ENDPOINT: Vocabulary = {
    "OS": ("overall survival", "survie globale", "sg", "death", "deces"),
    "PFS": ("progression free survival", "survie sans progression", "ssp"),
    "DFS": ("disease free survival", "survie sans maladie"),
    "response": ("reponse", "best response"),
    "pseudoprogression": ("pseudo progression",),
    "other": ("autre",),
}
CATEGORY: Vocabulary = {
    "CR": ("complete response", "rc", "reponse complete"),
    "PR": ("partial response", "rp", "reponse partielle"),
    "SD": ("stable disease", "ms", "maladie stable", "stable"),
    "PD": ("progressive disease", "mp", "maladie progressive", "progression"),
    "pseudoprogression": ("pseudo progression",),
    "indeterminate": ("indetermine", "equivocal"),
}
CALL: Vocabulary = {
    "methylated": ("methyle", "methylee"),
    "unmethylated": ("non methylated", "non methyle", "non methylee", "unmethyle"),
    "grey": ("gray", "grey zone", "zone grise", "gris"),
    "not done": ("not performed", "non fait", "non realise", "non effectue"),
    "positive": ("pos", "positif"),
    "negative": ("neg", "negatif"),
    "mutant": ("mutated", "mute", "mutee", "mut"),
    "wildtype": ("wt", "wild type", "sauvage", "non mute", "non mutee"),
    "high": ("eleve",),
    "low": ("faible", "bas"),
    "codel": ("codeleted", "codeletion"),
    "non-codel": ("not codeleted", "non codelete", "intact"),
    "G1": ("1", "grade 1", "grade i"),
    "G2": ("2", "grade 2", "grade ii"),
    "G3": ("3", "grade 3", "grade iii"),
    "G4": ("4", "grade 4", "grade iv"),
}
MARKERS: Vocabulary = {
    "PD-L1": ("pdl1", "cd274", "b7 h1"),
    "MGMT": ("mgmt promoter", "mgmt methylation", "mgmt promoter methylation", "methylation mgmt"),
    "IDH1": ("idh1 r132h",),
    "IDH": ("idh status", "statut idh"),
    "ECOG": ("ecog ps", "performance status", "oms"),
    "KPS": ("karnofsky", "indice de karnofsky", "karnofsky performance status"),
}
"""Names that one marker goes by. Markers are an open list: another name is kept as given."""

UNITS: Vocabulary = {
    "%": ("percent", "pct"),
    "Gy": ("gray", "grays"),
    "mg": (),
    "mg/kg": (),
    "mg/m2": ("mg/m²",),
    "{score}": ("score", "points"),
    "1/1000000{Base}": ("mut/mb", "mutations/mb"),
}
"""UCUM codes; another unit is kept as given."""


def plain(word: str) -> str:
    """A word in lower case without accents and punctuation: 'Décédé(e)' is 'decede e', 'non-fait' is 'non fait'."""
    letters = unicodedata.normalize("NFKD", word.casefold())
    kept = "".join(c for c in letters if not unicodedata.combining(c))
    return re.sub(r"[^\w%/]+|_+", " ", kept).strip()


def lookup(vocabulary: Vocabulary) -> dict[str, str]:
    """Code by plain word."""
    return {plain(word): code for code, words in vocabulary.items() for word in (code, *words)}


def coded(values: pa.Array, vocabulary: Vocabulary, column: str) -> tuple[pa.Array, pa.Array]:
    """Words into codes, and the problem of each row (null: none). A word of UNKNOWN gives null."""
    codes = lookup(vocabulary)
    words = {word: codes.get(plain(word)) for word in distinct(values)}
    problem = f"{column} is none of {', '.join(vocabulary)}"
    unknown = [(w, problem) for w, code in words.items() if code is None and plain(w) not in UNKNOWN]
    return mapped(values, words.items()), mapped(values, unknown)


def named(values: pa.Array, vocabulary: Vocabulary) -> pa.Array:
    """Words into codes where the vocabulary has them; others as given."""
    codes = lookup(vocabulary)
    return mapped(values, [(word, codes.get(plain(word), word)) for word in distinct(values)])
