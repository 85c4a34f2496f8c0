"""Theorems and lemmas as derivations whose steps are checked again, one file each."""
