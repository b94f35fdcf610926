"""The settings of `seqmagic measure recall`: name, default, range and help, once."""

from __future__ import annotations

from dataclasses import dataclass

from seqmagic.config import CELLS, Config, setting

TASK_NAMES = ("recall", "copy", "dyck2")
ATTENTION = "attention"
