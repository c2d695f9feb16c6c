"""Describes the machine, and measures how busy other programs keep it."""

import json
import os
import platform
import resource
import subprocess
import time
from pathlib import Path

import common

BUSY = 0.1  # if others use more cores than this, the times are not reliable

# Environment variables that change the speed of either side.
VARIABLES = ("RNN_KERNELS", "ATEN_CPU_CAPABILITY", "OMP_", "GOMP_", "MKL_", "DNNL_", "ONEDNN_", "LD_PRELOAD", "LIBTORCH")

TORCH = """
import json, platform, sys, torch
sys.path.insert(0, "notebooks-ref")
from run import cpu_model
print(json.dumps([cpu_model(), torch.__version__, platform.python_version(), torch.backends.cpu.get_cpu_capability(),
                  torch.backends.mkldnn.is_available(), torch.backends.mkl.is_available()]))
"""


def describe(command):
    """The head of the report: {name: text}."""
    cpu, version, python, capability, onednn, mkl = json.loads(output(common.PYTHON, "-c", TORCH))
    variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)]
    libraries = " and ".join(name for name, there in [("MKL", mkl), ("oneDNN", onednn)] if there)
    changed = " with uncommitted changes" if output("git", "status", "--porcelain") else ""
    return {
        "CPU": f"{cpu}, {os.cpu_count()} cores; libtorch computes with {capability}",
        "System": f"{platform.system()} {platform.release()} {platform.machine()}",
        "PyTorch": f"{version} ({libraries or 'neither MKL nor oneDNN'}), Python {python}, eager",
        "Rust": output("rustc", "--version"),
        "Commit": output("git", "rev-parse", "--short", "HEAD") + changed,
        "Command": f"`{' '.join([*variables, command])}`",
        "Date": time.strftime("%Y-%m-%d %H:%M %Z"),
    }


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Load:
    """How many cores other programs have kept busy since this object was made."""

    def __init__(self):
        self.begun = time.monotonic()
        self.before = self.others()

    def cores(self):
        """None if the system does not provide the numbers."""
        now = self.others()
        return None if now is None else max(0.0, (now - self.before) / (time.monotonic() - self.begun))

    @staticmethod
    def others():
        """CPU seconds of the whole machine, minus those of this program and of its child processes that have ended."""
        try:
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        except OSError:
            return None
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return busy - sum(usage.ru_utime + usage.ru_stime for usage in used)


def cores_in_use(seconds=1.0):
    load = Load()
    time.sleep(seconds)
    return load.cores()
