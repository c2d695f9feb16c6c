"""The report: each line is printed, and the file is written again after each line."""

import statistics


class Report:
    def __init__(self, path, head):
        self.path = path
        self.lines = []
        self.ok = True
        self.add(*(f"{name:8} {text}" for name, text in head), "")

    def add(self, *lines):
        self.lines += lines
        print(*lines, sep="\n", flush=True)
        self.path.write_text("\n".join(self.lines) + "\n")

    def check(self, result):
        self.ok &= result.ok
        word = "ok" if result.ok else "FAILED"
        self.add(
            f"{word:6}  {result.name:22} {result.seconds:6.1f} s  {result.text}".rstrip(),
            *(f"          {note}" for note in result.notes),
        )

    def judged(self, name, ok, text):
        """Reports a check that took no time."""
        self.ok &= ok
        self.add(f"{'ok' if ok else 'FAILED':6}  {name:22} {'':8}  {text}")

    def failed(self, name, text):
        self.judged(name, False, text)

    def timed(self, lesson, options, seconds, demanded):
        """Reports the seconds of both sides, and the ratio of their medians. `demanded` is the smallest accepted ratio, or None."""
        medians = {side: statistics.median(values) for side, values in seconds.items()}
        spreads = [
            f"{side} {medians[side]:.3f} s ({min(values):.3f} .. {max(values):.3f})" for side, values in seconds.items()
        ]
        ratio = medians["PyTorch"] / medians["ours"]
        ok = demanded is None or ratio >= demanded
        self.ok &= ok
        word = "-" if demanded is None else "ok" if ok else "FAILED"
        # Three digits, so that a ratio slightly below 1 is not printed as 1.00.
        text = f"{', '.join(spreads)}; {options}, median of {len(seconds['ours'])}"
        self.add(f"{word:6}  {'time ' + lesson:22} {ratio:6.3f} x  {text}")
        if not ok:
            self.add(f"          our loop is slower than PyTorch's: on a GPU it must be at least {demanded:.1f} times as fast")

    def passed(self):
        self.add("", "all checks passed" if self.ok else "SOME CHECKS FAILED")
        return self.ok
