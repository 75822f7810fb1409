"""What was planted in the demo cohort, held against what the runs found: `make evidence` after `make demo`."""
