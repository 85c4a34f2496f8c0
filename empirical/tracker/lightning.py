"""A phase tracker as a callback of Lightning's Trainer; needs the extra ``lightning``."""

from __future__ import annotations

from typing import Any

from empirical.tracker.phase_tracker import PhaseTracker
from empirical.tracker.update_count import UpdateCount
from theory import InputError

try:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
except ImportError:
    raise InputError("lightning: is not installed; install it with: pip install 'learning-phases[lightning]'") from None

_UPDATES = "updates"


class LightningPhaseTracker(Callback):
    """Calls the tracker when training starts and after every batch, with the number of updates of the weights.

    Updates are those of the module that the tracker watches, independent of other optimisers and of accumulated
    batches (see ``UpdateCount``). The tracker's state and the count are part of Lightning's checkpoints. The
    trainer is stopped only by a tracker that was made with ``stop_after_turning``.

    Args:
        tracker: of the module that is trained, or of a part of it.

    Raises:
        InputError: no tracker.
    """

    def __init__(self, tracker: PhaseTracker) -> None:
        if not isinstance(tracker, PhaseTracker):
            raise InputError(f"tracker: is a {type(tracker).__name__}; give a PhaseTracker")
        self.tracker = tracker
        self._count = UpdateCount(tracker.network)
        self._counted = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe the network as it is before the first update."""
        if not self._counted:
            # Resumed without a count: optimisers share the trainer's.
            self._count.updates = trainer.global_step // max(len(trainer.optimizers), 1)
        self._counted = True
        self._count.start(trainer.global_step, trainer.optimizers)
        self.tracker.update(self._count.updates)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Probe the network if a probe is due."""
        self.tracker.update(self._count.batch_ended(trainer.global_step))
        if self.tracker.should_stop:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop counting the optimisers' steps."""
        self._count.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop counting the optimisers' steps."""
        self._count.stop()

    def state_dict(self) -> dict[str, Any]:
        """The tracker's state and the number of updates."""
        return self.tracker.state_dict() | {_UPDATES: self._count.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from the tracker's state in a checkpoint."""
        self.tracker.load_state_dict(state_dict)
        if _UPDATES in state_dict:
            self._count.updates = int(state_dict[_UPDATES])
            self._counted = True
