"""Trains like a notebook, in PyTorch eager on a device. Prints the seconds of the training and the losses.

    python checks/eager.py NOTEBOOK --device cuda --threads 1 --epochs 2 --limit 100

The notebook's cells run unchanged up to the training. Then the model and the data are copied to the device, once. In the
training cells torch.zeros and the loader use that device.
"""

import argparse
import functools
import json
import os
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "notebooks-ref"))
import run  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--device", type=torch.device, required=True)
    for name in ("threads", "epochs", "limit"):
        parser.add_argument(f"--{name}", type=int)
    options = vars(parser.parse_args())
    notebook, device = options.pop("notebook").absolute(), options.pop("device")
    cells = run.code_cells(notebook)
    os.chdir(notebook.parent)  # Jupyter's working directory
    place = next(index for index, (_, tags) in enumerate(cells) if "training" in tags)
    stopwatch = Stopwatch(device)
    sys.modules["stopwatch"] = stopwatch  # the cells around the training import it
    before, after = "import stopwatch; stopwatch.begin(globals())", "stopwatch.end()"
    cells = [*cells[:place], (before, []), cells[place], (after, [])]
    namespace, _ = run.execute(cells, {name: value for name, value in options.items() if value is not None}, None)
    print(json.dumps({"seconds": stopwatch.seconds, "losses": namespace["losses"]}))


class Stopwatch:
    def __init__(self, device):
        self.device = device

    def begin(self, namespace):
        for name, value in namespace.items():
            if isinstance(value, torch.Tensor):
                namespace[name] = value.to(self.device)
        namespace["model"].to(self.device)
        if "train_loader" in namespace:
            namespace["train_loader"] = Resident(namespace["train_loader"], self.device)
        namespace["torch"] = ZerosOn(self.device)
        self.begun = self.now()

    def end(self):
        self.seconds = self.now() - self.begun

    def now(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class ZerosOn:
    """The module torch, except that zeros() are on the device."""

    def __init__(self, device):
        self.zeros = functools.partial(torch.zeros, device=device)

    def __getattr__(self, name):
        return getattr(torch, name)


class Resident:
    """A DataLoader's batches in its order, selected from data on the device. DataLoader itself collects each batch on the CPU."""

    def __init__(self, loader, device):
        self.loader = loader
        self.device = device
        self.tensors = [tensor.to(device) for tensor in loader.dataset.tensors]

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        torch.empty((), dtype=torch.int64).random_()  # a DataLoader draws this before its sampler draws the seed of the order
        order = torch.tensor(list(self.loader.sampler)).to(self.device)
        for indices in order.split(self.loader.batch_size):
            yield tuple(tensor[indices] for tensor in self.tensors)


if __name__ == "__main__":
    main()
