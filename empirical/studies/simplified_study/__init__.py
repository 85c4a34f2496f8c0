"""How long a deep training is that of two simpler ones: of a network linear in its weights, and of Gaussian images."""
