"""Decoders, classifiers and other measures of frozen activations."""
