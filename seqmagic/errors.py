"""The errors that seqmagic raises on purpose: one clear line each, with the exit code they end in."""

from __future__ import annotations


class SeqmagicError(Exception):
    """What is wrong, what was received and what to do, in one line for the person at the terminal."""

    exit_code = 1


class ConfigError(SeqmagicError):
    """A setting is out of its range, or two settings contradict each other."""

    exit_code = 2


class CorpusError(SeqmagicError):
    """A text can't be read, or can't be used."""


class RunError(SeqmagicError):
    """A run does not exist, can't be read, or is in the way."""


class TrainingError(SeqmagicError):
    """Training can't start or go on."""


class SampleError(SeqmagicError):
    """Text can't be written with these settings."""


class ExportError(SeqmagicError):
    """A model can't be exported or its export does not agree with it."""
