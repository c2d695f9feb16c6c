"""Times one training step of each lesson's network on a GPU: PyTorch eager, torch.compile, and the step as a CUDA graph.

    python checks/graph_probe.py --device cuda --steps 200 --rounds 5

A step is: forward, loss, zero_grad, backward, Adam. The rows of the table:

    eager           torch.optim.Adam with its defaults, as in the notebooks
    eager, reading  the same, with the loss read after every step, as in the notebooks
    fused Adam      eager with Adam(fused=True, capturable=True)
    compile         forward and loss with torch.compile
    graph           the whole step, captured with torch.cuda.graph and replayed
    graph, reading  the same, with the loss read after every replay

Below each table: the host's time for cuDNN's forward and backward in a step, from torch.profiler; and how far the losses of the
replayed graph are from those of eager steps that begin with the same parameters.
"""

import argparse
import copy
import json
import statistics
import time

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", type=torch.device, default="cuda")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, make in NETWORKS.items():
        probe(name, make, options)


class Unbatched(nn.Module):
    """The network of text-rnn and stock-lstm: a recurrent layer, and a linear map of its last output."""

    def __init__(self, layer, output_size):
        super().__init__()
        self.rnn = layer
        self.W = nn.Parameter(torch.randn(layer.hidden_size, output_size))
        self.b = nn.Parameter(torch.randn(output_size))

    def forward(self, x):
        outputs, _ = self.rnn(x.transpose(0, 1))
        return torch.mm(outputs[-1], self.W) + self.b


class Digits(nn.Module):
    """The network of mnist-gru."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(28, 128, 2, batch_first=True)
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.fc(out[:, -1, :])


def text_rnn():
    words = torch.randint(9, (6, 2))
    return Unbatched(nn.RNN(9, 5), 9), nn.CrossEntropyLoss(), nn.functional.one_hot(words, 9).float(), torch.randint(9, (6,))


def stock_lstm():
    return Unbatched(nn.LSTM(5, 10), 1), nn.MSELoss(), torch.rand(507, 7, 5), torch.rand(507, 1)


def mnist_gru():
    return Digits(), nn.CrossEntropyLoss(), torch.rand(100, 28, 28), torch.randint(10, (100,))


NETWORKS = {"text-rnn": text_rnn, "stock-lstm": stock_lstm, "mnist-gru": mnist_gru}


class Training:
    """A network with its own optimizer; `step` returns the loss as a tensor."""

    def __init__(self, problem, **adam):
        self.model, self.criterion, self.x, self.y = problem
        self.model = copy.deepcopy(self.model)
        for module in self.model.modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()  # the weights of a copy are not in one piece of memory
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01, **adam)
        self.loss = lambda x, y: self.criterion(self.model(x), y)

    def step(self):
        loss = self.loss(self.x, self.y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def eager(problem):
    return Training(problem).step


def fused_adam(problem):
    return Training(problem, fused=True, capturable=True).step


def compiled(problem):
    training = Training(problem)
    training.loss = torch.compile(training.loss)
    return training.step


def graph(problem):
    """As the documentation of torch.cuda.graph recommends: first some steps on a side stream, so that capturing allocates nothing."""
    training = Training(problem, fused=True, capturable=True)
    begin = copy.deepcopy((training.model.state_dict(), training.optimizer.state_dict()))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            training.step()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    training.optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(captured):
        loss = training.step()
    # Restores the first parameters in place, because the graph has their addresses.
    with torch.no_grad():
        for name, value in training.model.state_dict().items():
            value.copy_(begin[0][name])
        for state in training.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def replay():
        captured.replay()
        return loss

    return replay


def reading(make):
    def made(problem):
        step = make(problem)
        return lambda: step().item()

    return made


def probe(name, make, options):
    torch.manual_seed(0)
    on_gpu = options.device.type == "cuda"
    problem = [part.to(options.device) if isinstance(part, (torch.Tensor, nn.Module)) else part for part in make()]
    variants = {"eager": eager, "eager, reading": reading(eager)}
    if on_gpu:
        variants |= {"fused Adam": fused_adam, "graph": graph, "graph, reading": reading(graph)}
    if not options.no_compile:
        variants["compile"] = compiled
    print(f"{name}: {options.steps} steps, median of {options.rounds} interleaved rounds, us per step", flush=True)
    steps, failed = {}, {}
    for variant, made in variants.items():
        try:
            steps[variant] = made(problem)
            for _ in range(5):
                steps[variant]()
        except Exception as error:  # a variant that fails is a result too
            failed[variant] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            steps.pop(variant, None)
    times = {variant: [] for variant in steps}
    for round_ in range(options.rounds):
        order = list(steps) if round_ % 2 == 0 else list(reversed(steps))
        for variant in order:
            times[variant].append(timed(steps[variant], options))
    medians = {variant: statistics.median(values) for variant, values in times.items()}
    for variant in variants:
        if variant in failed:
            print(f"  {variant:16} failed: {failed[variant]}")
            continue
        base = "eager, reading" if variant.endswith("reading") else "eager"
        print(f"  {variant:16} {medians[variant]:9.1f}  ({min(times[variant]):.1f} .. {max(times[variant]):.1f})"
              f"  {medians[base] / medians[variant]:6.2f} x {base}")
    if on_gpu:
        for line in host_time(problem, medians["eager"]):
            print(f"  {line}")
        if "graph" in steps:
            apart = agreement(problem)
            text = ", ".join(f"{apart[step - 1]:.1e} after {step}" for step in (1, 5, 20))
            print(f"  losses of replays compared with eager, relative difference: {text} steps")
    print(json.dumps({"network": name, "device": str(options.device), "us": medians, "failed": failed}), flush=True)


def timed(step, options):
    synchronize(options.device)
    begun = time.perf_counter()
    for _ in range(options.steps):
        step()
    synchronize(options.device)
    return (time.perf_counter() - begun) / options.steps * 1e6


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def host_time(problem, eager_us):
    """The host's work in a step. The profiler makes a step slower, so compare only with the step's time under the profiler."""
    from torch.profiler import ProfilerActivity, profile

    step, count = eager(problem), 50
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        begun = time.perf_counter()
        for _ in range(count):
            step()
        torch.cuda.synchronize()
        whole = (time.perf_counter() - begun) / count * 1e6
    events = {event.key: event for event in profiled.key_averages()}
    kernels = sum(event.self_device_time_total for event in events.values()) / count
    yield f"the GPU's kernels take {kernels:.0f} us per step; under the profiler a step takes {whole:.0f} us"
    for key in ["aten::_cudnn_rnn", "aten::_cudnn_rnn_backward", "cudaLaunchKernel", "cudaLaunchKernelExC", "cudaMemsetAsync"]:
        if key in events:
            event = events[key]
            yield (f"{key:26} {event.count / count:6.1f} calls per step, host {event.cpu_time_total / count:7.1f} us per step"
                   f" (its own {event.self_cpu_time_total / count:.1f}), {event.cpu_time_total / count / whole:.0%} of it")


def agreement(problem):
    """Relative differences of the losses, step by step. The two variants of Adam round differently, and training amplifies this."""
    one, other = eager(problem), graph(problem)
    return [abs(other().item() / one().item() - 1) for _ in range(20)]


if __name__ == "__main__":
    main()
