"""Phase diagram, scaling laws and departures from the assumptions, by training."""
