"""How much of the machine is ours, and what its cores are good at."""

from __future__ import annotations

import os
import re
from pathlib import Path


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_is_faster_in_bfloat16() -> bool:
    """Whether the CPU has a matrix unit for bfloat16, or AMD's vector instructions; no where the system doesn't say.

    Intel's vector instructions (avx512_bf16 without AMX) train a residual network at 0.6 of the speed of float32, and
    run one with OpenVINO at 0.7.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = set(re.findall(r"\b(?:amx_bf16|avx512_bf16|AuthenticAMD)\b", text))
    return "amx_bf16" in flags or flags >= {"avx512_bf16", "AuthenticAMD"}
