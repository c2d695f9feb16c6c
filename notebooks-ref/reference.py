"""What the reference programs share: their options, and the file with what came out.

    --seed N        torch.manual_seed(N), 0
    --threads N     torch.set_num_threads(N), torch's own choice
    --epochs N      the lesson's
    --limit N       batches per epoch (a lesson with batches)
    --out DIR       receives model.pt (the state_dict) and reference.json: every loss and what the lesson adds

Losses are float32; JSON holds the float64 of the same value, so that a reader gets the same float32 back.
"""

import argparse
import json
from pathlib import Path

import torch


class Reference:
    def __init__(self, epochs):
        parser = argparse.ArgumentParser()
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--threads", type=int)
        parser.add_argument("--epochs", type=int, default=epochs)
        parser.add_argument("--limit", type=int)
        parser.add_argument("--out", type=Path)
        self.options = parser.parse_args()
        self.epochs = self.options.epochs
        self.limit = self.options.limit
        self.losses = []
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        torch.manual_seed(self.options.seed)

    def save(self, model, **more):
        """Writes what was trained and what it gave, if there is a folder to write to."""
        out = self.options.out
        if out is None:
            return
        out.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), out / "model.pt")
        result = {
            "torch": torch.__version__,
            "cpu": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "seed": self.options.seed,
            "losses": self.losses,
            **more,
        }
        (out / "reference.json").write_text(json.dumps(result) + "\n")
