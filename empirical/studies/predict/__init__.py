"""Single-layer classifiers on frozen activations: derived and trained."""
