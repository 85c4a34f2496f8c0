"""The data model fitted to a data set or to a layer's activations, as a report."""
