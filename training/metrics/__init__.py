"""Metrics as pure functions of truth, prediction and row weights."""
