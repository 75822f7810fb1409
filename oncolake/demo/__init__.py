"""The demo: a simulated cohort in real file formats, with a written-down truth and planted defects."""
