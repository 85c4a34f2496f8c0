"""Populations, samples, batches and the training of many single-layer networks at once."""
