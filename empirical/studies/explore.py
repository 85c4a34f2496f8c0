"""The job of ``phases explore``: the explorer's page as a file."""

from __future__ import annotations

import os
from pathlib import Path

from simulation.runs.output_paths import check_output_file
from simulation.runs.run_folder import RunFolder
from theory import InputError
from theory.explorer.page import explorer_page


def write_explorer(path: Path) -> Path:
    """Write the page that shows the theory's boundaries while its parameters are moved.

    Args:
        path: of the file, as explorer.html; its folder is made where it is missing.

    Returns:
        The path written.

    Raises:
        InputError: the path is a folder, a device or a link that leads nowhere, or lies below a file or in a folder
            that is not writable.
    """
    if os.path.isdir(path):  # not the method, which lets the error of a name that is too long through
        raise InputError(f"out: {path} is a folder; give a file, as in {path / 'explorer.html'}")
    check_output_file(path)
    return RunFolder(path.parent).write_text(path.name, explorer_page())
