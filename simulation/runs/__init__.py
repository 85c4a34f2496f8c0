"""Folders of runs, fingerprints, sweeps and the schedulers that execute them."""
