"""A phase tracker as a callback of the Hugging Face Trainer; needs the extra ``transformers``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from empirical.phase_tracker import PhaseTracker
from simulation.results import RunFolder
from theory import InputError

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError:
    raise InputError(
        "transformers: is not installed; install it with: pip install 'learning-phases[transformers]'"
    ) from None

_FILE = "phase_tracker.json"


class TransformersPhaseTracker(TrainerCallback):
    """Calls the tracker when training begins and after every step, with the number of updates of the weights.

    The tracker's state lies in each of the Trainer's checkpoints, as phase_tracker.json. A training that is resumed
    takes it up from output_dir/checkpoint-STEP, which every process has to be able to read. The Trainer is told to
    stop only by a tracker that was made with ``stop_after_turning``.

    Args:
        tracker: of the model that is trained, which has to take the tracker's inputs as its only argument, or of a
            part of it that does.
    """

    def __init__(self, tracker: PhaseTracker) -> None:
        self.tracker = tracker

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the state of a resumed training, or probe the network as it is before the first update.

        Raises:
            InputError: a damaged state, or one of another tracker.
        """
        file = _checkpoint(args, state) / _FILE
        if state.global_step > 0 and file.is_file():
            try:
                stored = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                raise InputError(f"state: {file} is damaged; delete it or the checkpoint") from None
            self.tracker.load_state_dict(stored)
        self.tracker.update(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Probe if one is due."""
        self.tracker.update(state.global_step)
        if self.tracker.should_stop:
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the tracker's state beside the Trainer's."""
        if state.is_world_process_zero:
            RunFolder(_checkpoint(args, state)).write_json(_FILE, self.tracker.state_dict())


def _checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
