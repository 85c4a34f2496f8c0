"""Moments, the data model and what a sample does to its spectrum."""
