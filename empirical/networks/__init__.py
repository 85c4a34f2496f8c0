"""Deep networks, their training, checkpoints and what is captured from their layers."""
