"""The Python part of timing.rs: executes commands from standard input in the folder argv[1], and prints the seconds."""

import os
import sys
import time

import torch

torch.set_num_threads(1)
ours, theirs = (os.path.join(sys.argv[1], name) for name in ("ours.pt", "theirs.pt"))
state_dict = torch.load(ours)


def save_atomically():
    """Does the same as pt_file::save_file."""
    with open(theirs + ".partial", "wb") as file:
        torch.save(state_dict, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(theirs + ".partial", theirs)


commands = {
    "save": lambda: torch.save(state_dict, theirs),
    "save and fsync": save_atomically,
    "load": lambda: torch.load(theirs, weights_only=True),
    "load ours": lambda: torch.load(ours, weights_only=True),
    "load mmap": lambda: torch.load(theirs, weights_only=True, mmap=True),
}
for line in sys.stdin:
    start = time.perf_counter()
    result = commands[line.strip()]()
    seconds = time.perf_counter() - start
    del result
    print(seconds, flush=True)
