"""What the benchmarks ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks.measure import ROOT

#: Instructions that low-precision networks are fast with.
_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
_LIBRARIES = (
    "numpy", "pillow", "simplejpeg", "onnxruntime", "openvino", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn",
)  # fmt: skip


def describe_machine() -> dict[str, str]:
    """Describe processor, memory, system, libraries, commit, and how busy the machine is, as texts."""
    cpu = _fields(Path("/proc/cpuinfo"))
    flags = set(cpu.get("flags", "").split())
    memory = _fields(Path("/proc/meminfo")).get("MemTotal", "").split()
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "cores usable": str(_cores()),
        "instructions": ", ".join(flag for flag in _FLAGS if flag in flags) or "unknown",
        "memory": f"{int(memory[0]) * 1024 / 1e9:.1f} GB" if memory else "unknown",
        "system": platform.platform(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version}" for name in _LIBRARIES if (version := _version(name))),
        "commit": _commit(),
        "load average at start": ", ".join(f"{load:.2f}" for load in os.getloadavg()),
        "niceness": str(os.nice(0)),
    }


def _fields(path: Path) -> dict[str, str]:
    """The first value of each `name : value` line; {} where the system has no such file."""
    fields: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return fields
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
