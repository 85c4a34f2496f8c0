"""Which rule chooses checkpoints best, over pairs of sources and targets: ``phases study choose``."""
