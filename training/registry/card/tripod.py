"""The items of TRIPOD+AI by number, with their topics in words of our own.

Collins and others, TRIPOD+AI statement, BMJ 2024;385:e078378, doi 10.1136/bmj-2023-078378: 27 items with sub-items. Its
own wording is what an author answers; here a topic says what an item is about.
"""

from dataclasses import dataclass

DOI = "10.1136/bmj-2023-078378"


@dataclass(frozen=True)
class Item:
    """One item or sub-item."""

    number: str
    section: str
    topic: str


_TITLE, _METHODS, _OPEN = "Title, abstract and introduction", "Methods", "Open science and involvement"
_RESULTS, _DISCUSSION = "Results", "Discussion"

ITEMS = (
    Item("1", _TITLE, "Title: developing or evaluating, of whom, for which outcome"),
    Item("2", _TITLE, "Abstract by the list for abstracts"),
    Item("3a", _TITLE, "Clinical context, reason for the model, models that exist"),
    Item("3b", _TITLE, "For whom, at which point of care, used by whom for what"),
    Item("3c", _TITLE, "Known inequalities in health between groups of people"),
    Item("4", _TITLE, "Objectives: development, evaluation, or both"),
    Item("5a", _METHODS, "Where the data come from, and how representative they are"),
    Item("5b", _METHODS, "Dates of accrual and of the end of follow-up"),
    Item("6a", _METHODS, "Setting and centres"),
    Item("6b", _METHODS, "Who is eligible"),
    Item("6c", _METHODS, "Treatments, and how they are dealt with"),
    Item("7", _METHODS, "Preparation and quality checks of the data"),
    Item("8a", _METHODS, "Outcome, horizon, and how it is assessed"),
    Item("8b", _METHODS, "Who assessed an outcome that needs judgement"),
    Item("8c", _METHODS, "Blinding of the outcome's assessment"),
    Item("9a", _METHODS, "Choice of predictors before modelling"),
    Item("9b", _METHODS, "Definition of each predictor: what, how, when"),
    Item("9c", _METHODS, "Who assessed predictors that need judgement"),
    Item("10", _METHODS, "How the sample size came about, and whether it suffices"),
    Item("11", _METHODS, "Missing data and how they are handled"),
    Item("12a", _METHODS, "How data are split between development and evaluation"),
    Item("12b", _METHODS, "Form in which predictors enter"),
    Item("12c", _METHODS, "Type of model, steps of its building, tuning, internal validation"),
    Item("12d", _METHODS, "Differences between clusters such as hospitals: how examined"),
    Item("12e", _METHODS, "Measures and figures of performance, and comparison of models"),
    Item("12f", _METHODS, "Updating of the model after its evaluation"),
    Item("12g", _METHODS, "How predictions are computed for an evaluation"),
    Item("13", _METHODS, "Imbalance of classes: what was done, and recalibration after it"),
    Item("14", _METHODS, "Fairness: what was done for it"),
    Item("15", _METHODS, "What the model puts out; thresholds"),
    Item("16", _METHODS, "Differences between data of development and of evaluation"),
    Item("17", _METHODS, "Ethics approval and consent"),
    Item("18a", _OPEN, "Funding"),
    Item("18b", _OPEN, "Conflicts of interest"),
    Item("18c", _OPEN, "Protocol"),
    Item("18d", _OPEN, "Registration"),
    Item("18e", _OPEN, "Availability of the data"),
    Item("18f", _OPEN, "Availability of the code"),
    Item("19", _OPEN, "Involvement of patients and the public"),
    Item("20a", _RESULTS, "Flow of participants, outcomes and follow-up"),
    Item("20b", _RESULTS, "Characteristics of the participants, overall and by setting"),
    Item("20c", _RESULTS, "Participants of the evaluation beside those of the development"),
    Item("21", _RESULTS, "Participants and events in each analysis"),
    Item("22", _RESULTS, "The full model, so that others can predict with it; restrictions"),
    Item("23a", _RESULTS, "Performance with intervals, also in subgroups"),
    Item("23b", _RESULTS, "Differences in performance between clusters"),
    Item("24", _RESULTS, "Results of any updating"),
    Item("25", _DISCUSSION, "Interpretation, fairness included, beside earlier studies"),
    Item("26", _DISCUSSION, "Limitations"),
    Item("27a", _DISCUSSION, "In use: poor or missing input, and what to do then"),
    Item("27b", _DISCUSSION, "In use: what users do, and which expertise they need"),
    Item("27c", _DISCUSSION, "Next steps of research"),
)
SECTIONS = tuple(dict.fromkeys(item.section for item in ITEMS))
