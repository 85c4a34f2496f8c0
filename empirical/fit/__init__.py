"""The data model fitted to activations, with intervals."""
