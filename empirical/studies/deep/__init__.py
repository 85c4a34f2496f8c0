"""Predicts when the last layer of a deep network turns, from the network before it is trained."""
