"""Phases of deep training: networks trained from several seeds, each of their checkpoints measured once."""
