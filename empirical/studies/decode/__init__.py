"""Images that linear decoders make of a layer at a few checkpoints of a tracked training."""
