"""Theorems as text, LaTeX and Markdown."""
