"""Probes this machine, checks that the bundle can run on it, and prepares the bundle."""

import gzip
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

# Runs in a process of its own, so that the process of the checks keeps neither torch nor a GPU context in memory.
PROBE = """
import json, os, sys
found = {"torch": None, "numpy": None, "devices": [], "gpu_error": None}
try:
    import torch
except Exception as error:
    found["error"] = f"{type(error).__name__}: {error}"
else:
    found["torch"] = torch.__version__
    found["folder"] = os.path.dirname(torch.__file__)
    found["cuda"] = torch.version.cuda
    found["cudnn"] = torch.backends.cudnn.version()
    try:
        for index in range(torch.cuda.device_count()):
            it = torch.cuda.get_device_properties(index)
            found["devices"].append(f"{it.name}, {it.total_memory / 2**30:.1f} GiB, compute capability {it.major}.{it.minor}")
    except Exception as error:  # the count succeeds even if the driver is too old for this torch
        found["gpu_error"] = str(error).strip().partition("\\n")[0].rstrip(".")
    try:
        import numpy
        found["numpy"] = numpy.__version__
    except ImportError:
        pass
print(json.dumps(found))
"""


PROGRAMS = ["bin", "examples", "tests"]  # folders of executables


def probe():
    try:
        done = subprocess.run([sys.executable, "-c", PROBE], stdout=subprocess.PIPE, text=True, timeout=300)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        why = f"it did not answer within {error.timeout} s"
    except (IndexError, ValueError):
        why = f"import torch ended Python with {done.returncode}"
    return {"torch": None, "error": why}


def problem(found, manifest):
    """Why this bundle cannot run here, with the remedy; None if it can."""
    wanted = manifest["torch"]
    other = "name the Python that has it with --python PATH or PYTHON=PATH"
    if not found["torch"]:
        return f"{sys.executable} cannot import torch ({found['error']}). This bundle is built for torch {wanted}: {other}"
    if found["torch"].split("+")[0] != wanted:
        return (f"{sys.executable} has torch {found['torch']}, and this bundle is built for {wanted}: {other}, or build one with "
                f"scripts/bundle.sh --torch {found['torch'].split('+')[0]}")
    if not (Path(found["folder"]) / "lib/libtorch_cpu.so").exists():
        return f"{found['folder']}/lib has no libtorch_cpu.so: {other}"
    kind, version = platform.libc_ver()
    needed = manifest["needs"]["GLIBC"]
    if kind == "glibc" and numbers(version) < numbers(needed):
        return f"this machine has glibc {version}, and this bundle needs {needed}: build a bundle on a system that is as old"
    return None


def missing_gpu(found, manifest, device):
    """Why the checks cannot use the GPU `device`, with the remedy; None if torch finds it. `doctor` can still run."""
    if device == "cpu":
        return None
    remedy = "--device cpu runs the checks without a GPU"
    if not found["cuda"]:
        return (f"--device {device}: torch {found['torch']} of {sys.executable} is a build without CUDA: install a CUDA build of "
                f"torch {manifest['torch']}, or name the Python that has one with --python PATH; {remedy}")
    if gpu(found, device) is None:
        why = found["gpu_error"] or "doctor and nvidia-smi show more"
        return f"--device {device}: torch finds {len(found['devices'])} GPUs here ({why}); {remedy}"
    return None


def gpu(found, device):
    """torch's description of the GPU `device`; None if torch does not find it."""
    return dict(enumerate(found["devices"])).get(int(device.partition(":")[2] or 0))


def numbers(version):
    return [int(part) for part in version.split(".")]


def prepare(bundle, found):
    """Decompresses the bundle's files, and links this machine's libtorch and Python into it."""
    link = bundle / "libtorch"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(found["folder"]) / "lib")
    # The tests and the lessons search for Python here.
    programs = bundle / ".venv/bin"
    shutil.rmtree(programs, ignore_errors=True)
    programs.mkdir(parents=True)
    for name, command in [("python", ""), ("torchrun", "-m torch.distributed.run ")]:
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command}"$@"\n')
        (programs / name).chmod(0o755)
    for packed in bundle.glob("**/*.gz"):
        partial = packed.with_suffix(".partial")
        with gzip.open(packed) as file, open(partial, "wb") as plain:
            shutil.copyfileobj(file, plain)
        partial.chmod(0o755 if packed.parent.name in PROGRAMS else 0o644)
        partial.rename(packed.with_suffix(""))


def describe(found, manifest, device):
    """The head of the report: pairs of a name and a text."""
    return [
        ("date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        ("device", "the CPU" if device == "cpu" else gpu(found, device) or f"{device}, which torch does not find"),
        ("driver", driver()),
        ("torch", f"{found['torch']}, CUDA {found['cuda']}, cuDNN {found['cudnn']}"),
        ("Python", f"{platform.python_version()}, NumPy {found['numpy'] or 'missing'}, {sys.executable}"),
        ("CPU", f"{cpu()}, {os.cpu_count()} cores"),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}, {' '.join(platform.libc_ver())}"),
        ("bundle", f"commit {manifest['commit']}, for torch {manifest['torch']}, built {manifest['built']}"),
    ]


def driver():
    try:
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60).stdout
        return output.split()[0] if output.split() else "none"
    except (OSError, subprocess.TimeoutExpired):
        return "unknown to nvidia-smi"


def cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
