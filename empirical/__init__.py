"""Real data: data sets and streaming moments."""

from empirical.datasets import DATA_ROOT_VARIABLE, DataSet, load
from empirical.streaming import batches_of, moments_of, stream_moments

__all__ = ["DATA_ROOT_VARIABLE", "DataSet", "batches_of", "load", "moments_of", "stream_moments"]
