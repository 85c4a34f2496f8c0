"""The jobs of the command: each with its plan, report and figure."""
