"""Boundaries measured on trained networks, and derived against measured."""
