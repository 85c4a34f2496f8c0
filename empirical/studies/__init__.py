"""The jobs of the command, each a room or a module with its plan, report and figure.

Several share ``report``, ``run_sizes``, ``boundary_prediction`` and ``assumption_costs``.
"""
