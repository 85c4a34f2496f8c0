"""Theorems and lemmas as derivations with checked steps, one file per theorem."""
