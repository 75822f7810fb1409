"""The front door: command line and demo cohort. Wires the rooms; holds no logic of its own."""
