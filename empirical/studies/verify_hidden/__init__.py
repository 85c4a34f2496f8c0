"""The hidden layer of a network with two layers: its derived reconstruction, checked by training."""
