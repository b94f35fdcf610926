"""Cores and memory: what a container allows counts, not what the machine has."""

from __future__ import annotations

import os

import pytest

from seqmagic import machine
from seqmagic.sampling.threads import available_threads


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("900000 100000", 8), ("?", 8)]
)
def test_a_containers_quota_limits_the_cores(quota, cores, tmp_path, monkeypatch):
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n", encoding="utf-8")
    monkeypatch.setattr(machine, "_CGROUP_QUOTA", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert machine.available_cores() == cores
    assert available_threads() == cores, "the sampler counts them as the trainer does"


def test_the_free_memory_is_a_plausible_number():
    free = machine.free_bytes()
    assert free is None or 10_000_000 < free < 2**50


def test_the_processor_has_a_name():
    assert machine.processor_name()
