"""Curves of reconstruction over training, at every level of the theory, and their boundaries."""
