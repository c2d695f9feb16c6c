"""Writes the networks that bench.py's section `engines` times: reads their descriptions (see engines.py) from stdin as JSON.

Each folder `files` gets the weights as `model.pt` and `weights.npz`, the input as `input.f32`, and the output that float64 gives for
it as `expected.f32`. A `.f32` file is a sequence of little-endian float32 numbers.
"""

import json
import sys
from pathlib import Path

import numpy
import torch

import torch_worker


def main():
    for work in json.load(sys.stdin):
        write(work, Path(work.pop("files")))


def write(work, folder):
    bench = torch_worker.Bench(work)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"rnn.{name}": tensor for name, tensor in bench.rnn.state_dict().items()}
    if bench.head is not None:
        tensors |= {f"fc.{name}": tensor for name, tensor in bench.head.state_dict().items()}
    torch.save(tensors, folder / "model.pt")
    numpy.savez(folder / "weights.npz", **tensors)
    write_f32(folder / "input.f32", bench.input)
    output, _ = bench.rnn.double()(bench.input.double())
    if bench.head is not None:
        output = bench.head.double()(output[:, -1])
    write_f32(folder / "expected.f32", output)


def write_f32(path, tensor):
    tensor.detach().numpy().astype("<f4").tofile(path)


if __name__ == "__main__":
    main()
