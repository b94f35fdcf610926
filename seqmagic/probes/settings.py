"""The settings of `seqmagic measure recall`: name, default, range and help, once; and what is the same in all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seqmagic.config import Config, setting

TASK_NAMES = ("recall", "copy", "dyck2")
ATTENTION = "attention"
FARTHEST_TRAINED = 64  # characters
TEST_DISTANCES = (1, 2, 4, 8, 16, 32, 64, 128)
TEST_CASES = 512  # sequences for each distance
BATCH = 64  # sequences per update
CLIP_NORM = 1.0
LEARNING_RATES = {"rnn": 0.002, "lstm": 0.01, "gru": 0.01, ATTENTION: 0.01}  # peaks; a line down to 0 follows
WARM_UP = 0.05  # share of the updates
QUICK_UPDATES = 400


@dataclass(frozen=True, kw_only=True)
class RecallConfig(Config):
    """What is trained on which question."""

    task: str = setting(
        "recall",
        "The question: which symbol stood so far back (recall), ten symbols again in their order (copy), which "
        "bracket closes now (dyck2).",
        choices=TASK_NAMES,
    )
    params: int = setting(
        20_000, "Size of every model, met within 2 %.", minimum=2_000, maximum=1_000_000, unit="parameters"
    )
    updates: int = setting(
        1_000, "Training updates, the same for every model.", minimum=20, maximum=1_000_000, unit="updates"
    )
    seeds: int = setting(
        3, "Models of each cell, which differ in the seed alone.", minimum=1, maximum=20, unit="models"
    )
    seed: int = setting(0, "Seed of the first model and of the test.", minimum=0, maximum=2**31)
    with_attention: bool = setting(False, "Put a model of one attention head beside them: the next step.")
    quick: bool = setting(False, f"One seed and at most {QUICK_UPDATES} updates: under a minute.")

    def shortened(self) -> RecallConfig:
        """These settings with what `quick` cuts."""
        return replace(self, seeds=1, updates=min(self.updates, QUICK_UPDATES)) if self.quick else self
