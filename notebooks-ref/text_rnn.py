"""Lesson 1 in PyTorch: the program that `cargo run -p text-rnn` is compared with, loss by loss.

The lecture's notebook in its own order (word processing, parameters, model, training, prediction), with a seed, and
with the words numbered in order of appearance where the notebook's `set()` leaves the order to chance.

    .venv/bin/python notebooks-ref/text_rnn.py --seed 0 --out /tmp/text-rnn
"""

import torch
import torch.nn as nn
import torch.optim as optim

from reference import Reference

SENTENCES = ["i like dog", "i love coffe", "i hate milk", "you like cat", "you love milk", "you hate coffe"]


class TextRNN(nn.Module):
    def __init__(self, n_class, n_hidden):
        super().__init__()
        self.rnn = nn.RNN(input_size=n_class, hidden_size=n_hidden)
        self.W = nn.Parameter(torch.randn([n_hidden, n_class]))
        self.b = nn.Parameter(torch.randn([n_class]))

    def forward(self, hidden, x):
        x = x.transpose(0, 1)
        outputs, hidden = self.rnn(x, hidden)
        return torch.mm(outputs[-1], self.W) + self.b


def main():
    reference = Reference(epochs=500)

    word_list = list(dict.fromkeys(" ".join(SENTENCES).split()))
    word_dict = {word: number for number, word in enumerate(word_list)}
    numbers = torch.tensor([[word_dict[word] for word in sentence.split()] for sentence in SENTENCES])
    input_batch = nn.functional.one_hot(numbers[:, :-1], len(word_list)).float()
    target_batch = numbers[:, -1]

    n_hidden = 5
    model = TextRNN(n_class=len(word_list), n_hidden=n_hidden)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    for epoch in range(reference.epochs):
        hidden = torch.zeros(1, len(SENTENCES), n_hidden)
        output = model(hidden, input_batch)
        loss = criterion(output, target_batch)
        reference.losses.append(loss.item())
        if (epoch + 1) % 100 == 0:
            print("Epoch:", "%04d" % (epoch + 1), "cost =", "{:.6f}".format(loss))

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("OPTIMIZATION FINISHED")

    with torch.no_grad():
        predicted = model(torch.zeros(1, len(SENTENCES), n_hidden), input_batch).argmax(dim=1)
    for sentence, number in zip(SENTENCES, predicted.tolist()):
        print(sentence.rsplit(" ", 1)[0], "->", word_list[number])
    reference.save(model, predictions=[word_list[number] for number in predicted.tolist()])


if __name__ == "__main__":
    main()
