"""Which checkpoint of a training serves a target best: ``phases choose``."""
