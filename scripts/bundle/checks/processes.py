"""Runs one check as a process that cannot outlast its time."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

NO_CUDA = "no CUDA device"  # why a test that wants one is skipped


@dataclass
class Result:
    name: str
    ok: bool
    seconds: float
    text: str  # one line
    notes: list = field(default_factory=list)  # what was skipped, or what failed
    printed: str = ""
    passed: int = 0  # tests


class Runner:
    def __init__(self, bundle, device, with_numpy, timeout):
        self.bundle = bundle
        self.device = device
        self.timeout = timeout
        self.logs = bundle / "logs"
        self.logs.mkdir(exist_ok=True)
        self.environment = {**os.environ, "WORKSPACE_ROOT": str(bundle), "PYTHONDONTWRITEBYTECODE": "1"}
        if with_numpy:
            self.environment["REQUIRE_PYTHON_TORCH"] = "1"  # a test that cannot compare with Python fails
        self.without_cuda = {**self.environment, "CUDA_VISIBLE_DEVICES": ""}

    def run(self, name, command, folder=None, with_cuda=True):
        """Runs a command to its end, or to that of its time; what it printed is in logs/NAME.txt."""
        log = self.logs / f"{name.replace(' ', '-')}.txt"
        begun = time.monotonic()
        with open(log, "w") as output:
            process = subprocess.Popen(
                list(map(str, command)),
                cwd=folder or self.bundle,
                env=self.environment if with_cuda and self.device != "cpu" else self.without_cuda,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # with all that it starts
            )
            try:
                code = process.wait(self.timeout)
                text = "" if code == 0 else f"ended with {code}"
            except subprocess.TimeoutExpired:
                code, text = None, f"did not end within {self.timeout} s"
            finally:
                end(process)
        printed = log.read_text(errors="replace")
        result = Result(name, code == 0, time.monotonic() - begun, text, printed=printed)
        if not result.ok:
            result.notes = [line for line in printed.splitlines() if line.strip()][-5:]
        return result

    def run_tests(self, test):
        """The results of a test binary, run where cargo would: in the folder of its crate.

        First all of its tests, without a GPU: their numbers are those of a CPU, and a lesson that may choose takes a GPU. Then,
        where there is one, those that want it: they have `cuda` in their path, and the first time they said to be skipped.
        """
        name, binary, folder = test["name"], self.bundle / test["file"], self.bundle / test["folder"]
        first = judged(self.run(name, [binary], folder, with_cuda=False))
        yield first
        if self.device == "cpu":
            return
        again = judged(self.run(f"{name} cuda", [binary, "cuda"], folder))
        wanting = [note for note in first.notes if NO_CUDA in note]
        if again.passed or not again.ok or wanting:
            again.ok &= again.passed > 0 and not any(NO_CUDA in note for note in again.notes)
            yield again


def judged(result):
    """Adds what the test harness said."""
    summary = re.search(r"(\d+) passed; (\d+) failed; (\d+) ignored", result.printed)
    if summary:
        result.passed = int(summary[1])
        said = f"{summary[1]} passed, {summary[2]} failed, {summary[3]} ignored"
        result.text = "; ".join(filter(None, [said, result.text]))
    elif result.ok:
        result.ok, result.text = False, "ran no tests"
    failed = re.findall(r"^test (.*) \.\.\. FAILED$", result.printed, re.M)
    skipped = sorted(set(re.findall(r"skipped: .*", result.printed)))  # the test harness writes to the same line
    result.notes = [*(f"failed: {test}" for test in failed), *skipped] or result.notes
    return result


def end(process):
    """Ends a process and what it has started and left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
