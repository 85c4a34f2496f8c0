"""The command line of ``phases`` and of ``python -m paper``: options and their bounds, exit codes, printing.

It loads neither torch nor SymPy, so that help and refusals are immediate.
"""
