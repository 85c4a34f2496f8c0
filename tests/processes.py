"""Processes of tests, started from one that has torch and this package imported already, which takes seconds."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext

_IMPORTED = ["empirical.networks.network_training", "empirical.tracker.phase_tracker", "tests.simulation.sweep_tasks"]


def ready_processes() -> ForkServerContext:
    """The context of such processes; all tests share the one that they are started from."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context
