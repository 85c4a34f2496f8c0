"""A phase tracker as a callback of the Hugging Face Trainer; needs the extra ``transformers``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from empirical.tracker.phase_tracker import PhaseTracker
from empirical.tracker.update_count import UpdateCount
from simulation.runs.run_folder import RunFolder
from theory import InputError

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError:
    raise InputError(
        "transformers: is not installed; install it with: pip install 'learning-phases[transformers]'"
    ) from None

_FILE = "phase_tracker.json"
_UPDATES = "updates"


class TransformersPhaseTracker(TrainerCallback):
    """Calls the tracker when training begins and after every step, with the number of updates of the weights.

    Updates are those of the module that the tracker watches (see ``UpdateCount``). The tracker's state and the count
    lie in each of the Trainer's checkpoints, as phase_tracker.json. A resumed training loads them from
    output_dir/checkpoint-STEP, which every process has to be able to read. The Trainer is stopped only by a
    tracker that was made with ``stop_after_turning``.

    Args:
        tracker: of the model that is trained, or of a part of it. The model takes the tracker's inputs as its only
            argument or, where they are a dictionary, by name: {"input_ids": ..., "attention_mask": ...}.

    Raises:
        InputError: no tracker.
    """

    def __init__(self, tracker: PhaseTracker) -> None:
        if not isinstance(tracker, PhaseTracker):
            raise InputError(f"tracker: is a {type(tracker).__name__}; give a PhaseTracker")
        self.tracker = tracker
        self._count = UpdateCount(tracker.network)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Load the state of a resumed training, or probe the network before its first update.

        Raises:
            InputError: a damaged state, or one of another tracker.
        """
        file = _checkpoint(args, state) / _FILE
        if state.global_step > 0:
            self._count.updates = state.global_step
        if state.global_step > 0 and file.is_file():
            try:
                stored = json.loads(file.read_text(encoding="utf-8"))
                self._count.updates = int(stored.get(_UPDATES, state.global_step))
            except (ValueError, TypeError, AttributeError, RecursionError):
                raise InputError(f"state: {file} is damaged; delete it or the checkpoint") from None
            self.tracker.load_state_dict(stored)
        optimiser = kwargs.get("optimizer")
        self._count.start(state.global_step, [] if optimiser is None else [optimiser])
        self.tracker.update(self._count.updates)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Probe the network if a probe is due."""
        self.tracker.update(self._count.batch_ended(state.global_step))
        if self.tracker.should_stop:
            control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop counting the optimisers' steps."""
        self._count.stop()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the tracker's state next to the Trainer's."""
        if state.is_world_process_zero:
            stored = self.tracker.state_dict() | {_UPDATES: self._count.updates}
            RunFolder(_checkpoint(args, state)).write_json(_FILE, stored)


def _checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
