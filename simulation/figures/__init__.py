"""Figures of the experiments and the style that all figures share."""
