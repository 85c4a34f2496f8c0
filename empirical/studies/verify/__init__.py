"""The main job: derived curves and boundaries against trained single-layer networks."""
