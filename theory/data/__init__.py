"""Moments, the data model and the spectrum of a finite sample."""
