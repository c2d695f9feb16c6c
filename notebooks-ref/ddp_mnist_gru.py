#!/usr/bin/env python3
"""Lesson 3 on several processes in plain PyTorch: DistributedDataParallel and DistributedSampler, with gloo.

    torchrun --standalone --nproc-per-node=2 notebooks-ref/ddp_mnist_gru.py --limit 50 --out /tmp/ddp

The network is the notebook's (mnist_gru.ipynb). --batch-size is the size of the whole batch, which the processes share.
So the number of steps does not depend on the number of processes. Rank 0 writes model.pt and losses.json into --out.
losses.json has the mean of all processes' losses for each batch. crates/mnist-gru/tests/it/processes.rs compares
`torchrun --no-python .. mnist-gru` with this program.
"""

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn as nn
import torch.optim as optim
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


class MNISTNN(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers, num_classes):
        super().__init__()
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.gru = nn.GRU(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        h0 = torch.zeros(self.num_layers, x.size(0), self.hidden_size)
        out, hidden = self.gru(x, h0)
        return self.fc(out[:, -1, :])


def mnist(folder):
    pixels = torch.from_numpy(np.fromfile(folder / "train-images-idx3-ubyte", np.uint8, offset=16))
    targets = torch.from_numpy(np.fromfile(folder / "train-labels-idx1-ubyte", np.uint8, offset=8))
    return TensorDataset(pixels.view(-1, 28, 28).float() / 255, targets.long())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/mnist"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--limit", type=int, help="batches in an epoch")
    args = parser.parse_args()

    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    torch.set_num_threads(1)

    torch.manual_seed(args.seed)
    ddp = DistributedDataParallel(MNISTNN(28, 128, 2, 10))
    torch.manual_seed(args.seed + rank)
    optimizer = optim.Adam(ddp.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()

    data = mnist(args.data)
    sampler = DistributedSampler(data, shuffle=True, seed=args.seed)
    loader = DataLoader(data, batch_size=args.batch_size // world, sampler=sampler)
    losses = []
    ddp.train()
    for epoch in range(args.epochs):
        sampler.set_epoch(epoch)
        for inputs, targets in islice(loader, args.limit):
            loss = criterion(ddp(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            mean = loss.detach() / world
            dist.all_reduce(mean)
            losses.append(mean.item())

    if rank == 0:
        args.out.mkdir(parents=True, exist_ok=True)
        torch.save(ddp.module.state_dict(), args.out / "model.pt")
        (args.out / "losses.json").write_text(json.dumps(losses))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
