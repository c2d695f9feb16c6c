"""Lesson 2 in PyTorch: the program that `cargo run -p stock-lstm` is compared with, loss by loss.

The lecture's notebook in its own order (data, windows, split, parameters, model, training, test), with a seed, and with
its test score under its right name: what the notebook prints as RMSE is the MSE.

    .venv/bin/python notebooks-ref/stock_lstm.py --seed 0 --out /tmp/stock-lstm
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

from reference import Reference

GOOG_CSV = Path(__file__).resolve().parent.parent / "data" / "goog.csv"


class StockRNN(nn.Module):
    def __init__(self, input_size, n_hidden, output_size):
        super().__init__()
        self.rnn = nn.LSTM(input_size=input_size, hidden_size=n_hidden)
        self.W = nn.Parameter(torch.randn([n_hidden, output_size]))
        self.b = nn.Parameter(torch.randn([output_size]))

    def forward(self, hidden_and_cell, x):
        x = x.transpose(0, 1)
        outputs, hidden = self.rnn(x, hidden_and_cell)
        return torch.mm(outputs[-1], self.W) + self.b


def load_prices():
    """Open, High, Low, Volume and Close, the oldest day first: (732, 5), float64."""
    with GOOG_CSV.open() as file:
        lines = [line for line in file if not line.startswith("#")]
    newest_first = np.loadtxt(lines[1:], delimiter=",", usecols=range(1, 6))
    return newest_first[::-1]


def min_max_scaler(data):
    return (data - data.min(axis=0)) / (data.max(axis=0) - data.min(axis=0) + 1e-7)


def print_shape(name, x):
    print(f"SHAPE OF [{name}] is {x.shape}")


def main():
    reference = Reference(epochs=500)

    prices = load_prices()
    x = min_max_scaler(prices)
    y = x[:, [-1]]

    seq_length = 7
    data_x = np.array([x[i : i + seq_length] for i in range(len(y) - seq_length)])
    data_y = np.array([y[i + seq_length] for i in range(len(y) - seq_length)])
    train_size = int(len(data_y) * 0.7)
    train_x = torch.tensor(data_x[:train_size], dtype=torch.float)
    train_y = torch.tensor(data_y[:train_size], dtype=torch.float)
    test_x = torch.tensor(data_x[train_size:], dtype=torch.float)
    test_y = torch.tensor(data_y[train_size:], dtype=torch.float)
    print_shape("trainX", train_x)
    print_shape("trainY", train_y)
    print_shape("testX", test_x)
    print_shape("testY", test_y)

    hidden_dim = 10
    model = StockRNN(input_size=5, n_hidden=hidden_dim, output_size=1)
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    model.train()
    for epoch in range(reference.epochs):
        hidden = torch.zeros(1, len(train_x), hidden_dim, requires_grad=True)
        cell = torch.zeros(1, len(train_x), hidden_dim, requires_grad=True)
        output = model((hidden, cell), train_x)
        loss = criterion(output, train_y)
        reference.losses.append(loss.item())
        if (epoch + 1) % 100 == 0:
            print("Epoch:", "%04d" % (epoch + 1), "Loss =", "{:.6f}".format(loss))

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("OPTIMIZATION FINISHED")

    model.eval()
    with torch.no_grad():
        predict = model((torch.zeros(1, len(test_x), hidden_dim), torch.zeros(1, len(test_x), hidden_dim)), test_x)
        test_mse = F.mse_loss(predict, test_y).item()
        persistence_mse = F.mse_loss(test_x[:, -1, -1:], test_y).item()
    print_shape("test_predict", predict)
    dollars = np.ptp(prices[:, -1]) + 1e-7
    for name, mse in [("LSTM", test_mse), ("yesterday's close", persistence_mse)]:
        print(f"{name}: MSE {mse:.6f}, RMSE {mse**0.5:.6f}, RMSE in dollars {mse**0.5 * dollars:.2f}")
    reference.save(model, scaled=x.tolist(), test_mse=test_mse, persistence_mse=persistence_mse)


if __name__ == "__main__":
    main()
