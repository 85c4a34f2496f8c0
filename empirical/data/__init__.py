"""Labelled inputs and images, one reader a format."""
