"""A phase tracker as a callback of Lightning's Trainer; needs the extra ``lightning``."""

from __future__ import annotations

from typing import Any

from empirical.phase_tracker import PhaseTracker
from theory import InputError

try:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
except ImportError:
    raise InputError("lightning: is not installed; install it with: pip install 'learning-phases[lightning]'") from None


class LightningPhaseTracker(Callback):
    """Calls the tracker when training starts and after every batch, with the number of updates of the weights.

    The tracker's state is part of Lightning's checkpoints. The trainer is told to stop only by a tracker that was made
    with ``stop_after_turning``.

    Args:
        tracker: of the module that is trained, or of a part of it.
    """

    def __init__(self, tracker: PhaseTracker) -> None:
        self.tracker = tracker

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe the network as it is before the first update."""
        self.tracker.update(trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Probe if one is due."""
        self.tracker.update(trainer.global_step)
        if self.tracker.should_stop:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """The tracker's."""
        return self.tracker.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the tracker's state in a checkpoint."""
        self.tracker.load_state_dict(state_dict)
