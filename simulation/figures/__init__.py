"""Figures of the experiments and what all figures share."""
