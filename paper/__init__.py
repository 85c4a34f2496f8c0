"""The paper: its numbers, tables and figures, made from result folders."""
