"""Training with one assumption relaxed at a time against the mean field: where the theory breaks."""
