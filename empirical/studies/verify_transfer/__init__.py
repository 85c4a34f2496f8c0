"""What a layer trained on some classes shows of a target: derived transfer and advice, checked by training."""
