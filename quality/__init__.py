"""Expectations, the gate between accepted and quarantined rows, and the record of every validation."""
