"""What this machine lets a process use: cores, free memory, the processor's name, packages. Standard library alone."""

from __future__ import annotations

import os
import platform
from pathlib import Path

LIGHT = "seqmagic-light"  # the distribution without TensorFlow, made of the same sources by packaging/dist.py
TENSORFLOW = ("tensorflow", "keras")  # the modules that it lacks

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """The cores that this process may use: its affinity, and a container's quota where there is one."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text(encoding="utf-8").split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return cores


def free_bytes() -> int | None:
    """The memory that programs can still get; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def processor_name() -> str:
    """The processor as its maker calls it, where the system says so."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def has_package(module: str) -> bool:
    """Whether the top-level `module` can be imported; it is not."""
    import importlib.util  # milliseconds that only who asks has to wait for

    return importlib.util.find_spec(module) is not None


def install_command(extra: str = "tensorflow") -> str:
    """What brings the packages of `extra` to the seqmagic that is installed here, the complete one or the light one."""
    import importlib.metadata

    try:
        importlib.metadata.distribution(LIGHT)
    except importlib.metadata.PackageNotFoundError:
        return "pip install seqmagic" if extra == "tensorflow" else f"pip install 'seqmagic[{extra}]'"
    return f"pip install '{LIGHT}[{extra}]'"
