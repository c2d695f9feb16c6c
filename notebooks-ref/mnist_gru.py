"""Lesson 3 in PyTorch: the program that `cargo run -p mnist-gru` is compared with, loss by loss.

The lecture's notebook in its own order (data, model, parameters, training), with a seed, with MNIST read from its idx
files where the notebook takes torchvision's copy, and with a test at the end.

    .venv/bin/python notebooks-ref/mnist_gru.py --seed 0 --limit 50 --epochs 1 --out /tmp/mnist-gru
"""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

from reference import Reference

DATA = Path(__file__).parent.parent / "data/mnist"


def mnist(name):
    """Images as torchvision's ToTensor gives them, (N, 1, 28, 28) in 0 to 1, and labels."""
    images, labels = DATA / f"{name}-images-idx3-ubyte", DATA / f"{name}-labels-idx1-ubyte"
    if not (images.exists() and labels.exists()):
        sys.exit(f"{images} or {labels.name} is missing: scripts/fetch-data.sh fetches MNIST into data/mnist")
    pixels = torch.from_numpy(np.fromfile(images, np.uint8, offset=16)).view(-1, 1, 28, 28)
    return TensorDataset(pixels.float() / 255, torch.from_numpy(np.fromfile(labels, np.uint8, offset=8)).long())


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


def main():
    reference = Reference(epochs=2)

    sequence_length = 28
    input_size = 28
    num_classes = 10
    train_loader = DataLoader(mnist("train"), batch_size=100, shuffle=True)
    test_loader = DataLoader(mnist("t10k"), batch_size=1000)
    batches = min(reference.limit or len(train_loader), len(train_loader))

    model = MNISTNN(input_size, hidden_size=128, num_layers=2, num_classes=num_classes)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    model.train()
    for epoch in range(reference.epochs):
        avg_loss = 0.0
        for inputs, targets in islice(train_loader, batches):
            inputs = inputs.reshape(-1, sequence_length, input_size)
            outputs = model(inputs)
            loss = criterion(outputs, targets)
            avg_loss += loss.detach()  # the slide adds the loss itself, which keeps the graph of every batch in memory
            reference.losses.append(loss.item())

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        avg_loss /= batches
        print("Epoch:", "%04d" % epoch, "Loss =", "{:.6f}".format(avg_loss))
    print("OPTIMIZATION FINISHED")

    model.eval()
    test_loss = 0.0
    confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with torch.no_grad():
        for inputs, targets in test_loader:
            outputs = model(inputs.reshape(-1, sequence_length, input_size))
            test_loss += F.cross_entropy(outputs, targets, reduction="sum").item()
            predicted = outputs.argmax(dim=1)
            confusion += (targets * num_classes + predicted).bincount(minlength=num_classes**2).view_as(confusion)
    tested = len(test_loader.dataset)
    test_loss /= tested
    test_accuracy = confusion.trace().item() / tested
    print("test loss =", "{:.6f}".format(test_loss), "test accuracy =", "{:.2f} %".format(100 * test_accuracy))
    reference.save(model, test_loss=test_loss, test_accuracy=test_accuracy, confusion=confusion.tolist())


if __name__ == "__main__":
    main()
