"""Moments of activations and images, accumulated over batches."""
