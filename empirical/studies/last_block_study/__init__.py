"""How much of a deep training the theory of its last layer and of its last block explains."""
