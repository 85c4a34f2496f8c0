"""The command in a process of its own, disturbed at a known write, in a module that such a process can import."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch

import phases


def disturbed(words: tuple[str, ...], number: int | None = None, write: int = 0) -> None:
    """Run ``phases WORDS``, which sends itself a signal just before its n-th file appears.

    Args:
        words: of the command.
        number: of the signal; None sends none.
        write: n.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["phases", *words]
    replace, seen = os.replace, []

    def counted(source: Any, target: Any) -> None:
        seen.append(target)
        if number is not None and len(seen) == write:
            os.kill(os.getpid(), number)
        replace(source, target)

    os.replace = counted  # type: ignore[assignment]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        phases.main()
