"""Worker process of bench.py for PyTorch: `torch_worker.py THREADS` times torch.nn's layers.

The protocol is that of crates/recurrent/examples/bench.rs: one request per line on stdin, one answer per line on stdout.
"""

import contextlib
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.optim as optim

INFERENCE = ("forward", "stream")  # tasks that train nothing


def main():
    torch.set_num_threads(int(sys.argv[1]))
    bench = None
    for line in sys.stdin:
        request = json.loads(line)
        if bench is None or bench.work != request["work"]:
            bench = None  # frees memory before the next one allocates
            bench = Bench(request["work"])
        seconds = bench.time(request["untimed"], request["budget"])
        print(json.dumps({"seconds": seconds, "value": bench.value}), flush=True)


class Bench:
    def __init__(self, work):
        torch.manual_seed(0)
        self.work = work
        self.task = work["task"]
        classes = work["classes"]
        layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[work["cell"]]
        self.rnn = layer(
            work["input_size"], work["hidden_size"], work["num_layers"], batch_first=classes is not None,
            bidirectional=work["bidirectional"],
        ).train(self.task not in INFERENCE)
        parameters = list(self.rnn.parameters())
        self.head = None
        if classes is not None:
            self.head = nn.utils.skip_init(nn.Linear, work["hidden_size"], classes)
            bound = 1 / math.sqrt(work["hidden_size"])
            for parameter in self.head.parameters():
                parameters.append(nn.init.uniform_(parameter, -bound, bound))
        self.input = torch.randn(
            (work["length"], work["batch"], work["input_size"])
            if classes is None
            else (work["batch"], work["length"], work["input_size"])
        )
        if work["packed"]:
            steps = (work["length"] - 1) / max(work["batch"] - 1, 1)
            lengths = [work["length"] - int(i * steps) for i in range(work["batch"])]
            self.input = nn.utils.rnn.pack_padded_sequence(self.input, lengths, classes is not None)
        if self.task == "stream":
            self.steps = self.input.split(1)
            self.position, self.state = 0, None
        self.targets = torch.randint(classes or 1, [work["batch"]])
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(parameters, lr=0.01)
        if "files" in work:
            output = self.outputs()
            expected = torch.from_file(f"{work['files']}/expected.f32", size=output.numel()).reshape(output.shape)
            self.value = (output - expected).abs().max().item()
        else:
            with self.mode():
                self.value = self.call().double().mean().item()

    def mode(self):
        return torch.inference_mode() if self.task in INFERENCE else contextlib.nullcontext()

    def outputs(self):
        """The output for the whole input: of one call, or of a call for each time step of a stream."""
        with self.mode():
            return torch.cat([self.call() for _ in range(self.work["length"] if self.task == "stream" else 1)])

    def time(self, untimed, budget):
        with self.mode():
            for _ in range(untimed):
                self.time_call()
            begun = time.perf_counter()
            seconds = [self.time_call()]
            while time.perf_counter() - begun < budget:
                seconds.append(self.time_call())
            return seconds

    def time_call(self):
        if self.task == "backward":
            self.optimizer.zero_grad()  # the task `step` does this itself
        begun = time.perf_counter()
        self.call()
        return time.perf_counter() - begun

    def call(self):
        if self.task == "stream":
            output, self.state = self.rnn(self.steps[self.position], self.state)
            self.position = (self.position + 1) % len(self.steps)
            return output
        output, _ = self.rnn(self.input)
        if self.work["packed"]:
            output = output.data
        if self.head is not None:
            output = self.head(output[:, -1])
        if self.task == "forward":
            return output
        if self.task == "backward":
            output.sum().backward()
            return output.detach()
        loss = self.criterion(output, self.targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


if __name__ == "__main__":
    main()
