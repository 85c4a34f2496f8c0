"""The command line of ``phases`` and of ``python -m paper``: options and their bounds, exit codes, what is printed.

It loads neither torch nor SymPy, so that help and a refused call come at once.
"""
