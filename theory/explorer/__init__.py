"""The theory's web page."""
