"""How a verb runs: its flags, a supervised worker, the seal, outcomes, provenance, the plan's reading of our code."""
