"""Runs each check as a process with a time limit."""

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

RECORDED = "2.13.0"  # the libtorch of the recorded numbers; tests that compare with them have `recorded` in their path


@dataclass
class Result:
    name: str
    ok: bool
    seconds: float
    text: str  # one line
    notes: list = field(default_factory=list)  # failed tests, and why tests were ignored
    printed: str = ""
    passed: int = 0  # tests


class Runner:
    def __init__(self, bundle, device, timeout):
        self.bundle = bundle
        self.device = device
        self.timeout = timeout
        self.logs = bundle / "logs"
        self.logs.mkdir(exist_ok=True)
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        without_gpus = {"CUDA_VISIBLE_DEVICES": ""}
        if device == "cpu":
            self.environment |= without_gpus
        # Several tests run at the same time, so OpenMP threads must not spin-wait.
        self.cuda_tests_environment = {**self.environment, "WORKSPACE_ROOT": str(bundle), "OMP_WAIT_POLICY": "passive"}
        self.cpu_tests_environment = {**self.cuda_tests_environment, **without_gpus}
        if device == "cpu":
            self.cuda_tests_environment["CUDA_TESTS_REHEARSE_ON_CPU"] = "1"  # the CPU takes the GPU's place

    def run(self, name, command, folder=None, environment=None):
        """Runs a command for at most `timeout` seconds. Its output is in logs/NAME.txt."""
        log = self.logs / f"{name.replace(' ', '-')}.txt"
        begun = time.monotonic()
        with open(log, "w") as output:
            process = subprocess.Popen(
                list(map(str, command)),
                cwd=folder or self.bundle,
                env=environment or self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that `end` reaches the processes that it starts
            )
            try:
                code = process.wait(self.timeout)
                text = "" if code == 0 else f"exit code {code}"
            except subprocess.TimeoutExpired:
                code, text = None, f"was ended after {self.timeout} s"
            finally:
                end(process)
        printed = log.read_text(errors="replace")
        result = Result(name, code == 0, time.monotonic() - begun, text, printed=printed)
        if not result.ok:
            result.notes = [line for line in printed.splitlines() if line.strip()][-5:]
        return result

    def cpu_tests(self, tests, torch):
        """All tests for a CPU, then those that need Python's torch: ignored tests with `python` in their path. The GPUs are hidden:
        the expected numbers are those of a CPU, and `--device auto` would use a GPU.
        """
        others = [] if torch == RECORDED else ["--skip", "recorded"]
        for test in tests:
            yield judged(self.run_test(test, test["name"], others, self.cpu_tests_environment))
            python = judged(self.run_test(test, f"{test['name']} python", ["python", "--ignored"], self.cpu_tests_environment))
            if not python.ok or python.passed:
                yield python

    def cuda_tests(self, tests):
        """The tests that need a GPU, of all binaries: ignored tests with `cuda` in their path. Skips binaries without such tests.

        Several binaries run at the same time, because each test mostly waits for a process of its own.
        """
        with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) // 4)) as pool:
            yield from filter(None, pool.map(self.cuda_test, tests))

    def cuda_test(self, test):
        result = judged(self.run_test(test, f"{test['name']} cuda", ["cuda", "--ignored"], self.cuda_tests_environment))
        return None if result.ok and not result.passed else result

    def run_test(self, test, name, arguments, environment):
        """Runs a test binary in the folder of its crate, as cargo does."""
        return self.run(name, [self.bundle / test["file"], *arguments], self.bundle / test["folder"], environment)


def judged(result):
    """Adds the results that the test harness printed."""
    summaries = re.findall(r"(\d+) passed; (\d+) failed; (\d+) ignored", result.printed)
    if summaries:
        counts = summaries[-1]  # earlier ones are from processes that tests started
        result.passed = int(counts[0])
        counted = "{} passed, {} failed, {} ignored".format(*counts)
        result.text = "; ".join(filter(None, [counted, result.text]))
    elif result.ok:
        result.ok, result.text = False, "ran no tests"
    failed = [f"failed: {test}" for test in re.findall(r"^test (.*) \.\.\. FAILED$", result.printed, re.M)]
    ignored = sorted(re.findall(r" \.\.\. (ignored, .*)$", result.printed, re.M))
    result.notes = list(dict.fromkeys(failed + ignored)) or result.notes
    return result


def end(process):
    """Ends a process and all processes that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
