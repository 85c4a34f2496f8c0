"""Labelled inputs and images, one reader per format."""
