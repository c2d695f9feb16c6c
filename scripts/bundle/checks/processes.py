"""Runs one check as a process that cannot outlast its time."""

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field


@dataclass
class Result:
    name: str
    ok: bool
    seconds: float
    text: str  # one line
    notes: list = field(default_factory=list)  # what failed, and why tests were ignored
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
        # Tests run side by side: OpenMP's threads sleep while they wait.
        self.cuda_tests_environment = {**self.environment, "WORKSPACE_ROOT": str(bundle), "OMP_WAIT_POLICY": "passive"}
        self.cpu_tests_environment = {**self.cuda_tests_environment, **without_gpus}
        if device == "cpu":
            self.cuda_tests_environment["CUDA_TESTS_REHEARSE_ON_CPU"] = "1"  # the CPU takes the GPU's place

    def run(self, name, command, folder=None, environment=None):
        """Runs a command to its end or for `timeout` seconds; what it printed is in logs/NAME.txt."""
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

    def cpu_tests(self, test):
        """All tests of a binary without a GPU: their numbers are those of a CPU, and a lesson that may choose takes a GPU."""
        return judged(self.run_test(test, test["name"], [], self.cpu_tests_environment))

    def cuda_tests(self, tests):
        """The tests that need a GPU, of all binaries: ignored tests with `cuda` in their path. A binary that has none is left out.

        They run at the same time: each test waits for a process of its own most of the time.
        """
        with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) // 4)) as pool:
            yield from filter(None, pool.map(self.cuda_test, tests))

    def cuda_test(self, test):
        result = judged(self.run_test(test, f"{test['name']} cuda", ["cuda", "--ignored"], self.cuda_tests_environment))
        return None if result.ok and not result.passed else result

    def run_test(self, test, name, arguments, environment):
        """Runs a test binary where cargo would: in the folder of its crate."""
        return self.run(name, [self.bundle / test["file"], *arguments], self.bundle / test["folder"], environment)


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
    ignored = sorted(set(re.findall(r" \.\.\. (ignored, .*)$", result.printed, re.M)))
    result.notes = [*(f"failed: {test}" for test in failed), *ignored] or result.notes
    return result


def end(process):
    """Ends a process and what it has started and left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
