"""Results of torch.nn for tests/it/python.rs: `python.py FILE` writes a list of cases with torch.save.

A case is a dict: the name of a check, its options, the state dict of a float32 module, the inputs, and the results of the module
and of the same module in float64.
"""

import copy
import itertools
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

MODES = {
    "rnn-tanh": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="tanh", **options),
    "rnn-relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "lstm-proj": lambda *sizes, **options: nn.LSTM(*sizes, proj_size=2, **options),
}
CELLS = {
    "rnn-tanh": lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="tanh", **options),
    "rnn-relu": lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="relu", **options),
    "gru": nn.GRUCell,
    "lstm": nn.LSTMCell,
}
FORMS = ["batched", "unbatched", "lengths", "transposed"]
BOOLEANS = [True, False]


def uniform(*shape):
    return torch.empty(shape).uniform_(-1, 1)


def flat(results):
    """Tensors of nested tuples, in order."""
    if isinstance(results, torch.Tensor):
        return [results.detach().contiguous()]
    return [tensor for item in results for tensor in flat(item)]


def case(check, module, inputs, call, **options):
    """`call(module, *inputs)` in float32 and in float64."""
    double = copy.deepcopy(module).double()
    with torch.no_grad():
        results = flat(call(module, *inputs))
        truth = flat(call(double, *[x.double() if x.is_floating_point() else x for x in inputs]))
    inputs = [x.contiguous() for x in inputs]
    return {"check": check, "layer": module.state_dict(), "inputs": inputs, "results": results, "truth": truth, **options}


def recurrent(mode, sizes, bias, bidirectional, batch_first, num_layers, form, with_state):
    input_size, hidden_size, batch, steps = sizes
    options = dict(bias=bias, bidirectional=bidirectional, batch_first=batch_first, num_layers=num_layers)
    layer = MODES[mode](input_size, hidden_size, **options)
    lengths = [steps] + [1 + (n * 7) % steps for n in range(1, batch)]
    lengths = lengths[1:] + lengths[:1]
    unbatched = form == "unbatched"
    x = uniform(steps, input_size) if unbatched else uniform(*((batch, steps) if batch_first else (steps, batch)), input_size)
    rows = num_layers * (2 if bidirectional else 1)
    is_lstm = mode.startswith("lstm")
    features = [layer.proj_size or hidden_size] + [hidden_size] * is_lstm
    state = [uniform(rows, *([] if unbatched else [batch]), size) for size in features] if with_state else []

    def call(layer, x, *state):
        state = (tuple(state) if is_lstm else state[0]) if state else None
        if form != "lengths":
            return layer(x, state)
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first, enforce_sorted=False)
        output, last = layer(packed, state)
        return pad_packed_sequence(output, batch_first)[0], last

    options = dict(mode=mode, batch_first=batch_first, bidirectional=bidirectional, form=form, lengths=lengths)
    result = case("recurrent", layer, [x, *state], call, **options)
    if form in ("batched", "unbatched"):
        with torch.no_grad():
            result["gates"] = gates(copy.deepcopy(layer).double(), mode, x.double(), [s.double() for s in state])
    return result


def gates(layer, mode, x, state):
    """The gates of every layer and direction by torch's equations: (steps, batch, features), in the layout of x."""
    swapped = layer.batch_first and x.dim() == 3
    steps = list((x.transpose(0, 1) if swapped else x).unbind(0))
    directions = 2 if layer.bidirectional else 1
    all_gates = []
    for index in range(layer.num_layers):
        outputs = []
        for direction in range(directions):
            suffix = f"_l{index}" + ("_reverse" if direction else "")
            get = lambda name: getattr(layer, name + suffix, None)
            row = index * directions + direction
            zero = steps[0].new_zeros(*steps[0].shape[:-1], layer.hidden_size)
            w_hr = get("weight_hr") if layer.proj_size else None
            h = state[0][row] if state else (zero[..., : layer.proj_size] if layer.proj_size else zero)
            c = state[1][row] if len(state) > 1 else zero
            run = []
            for x in reversed(steps) if direction else steps:
                from_x = nn.functional.linear(x, get("weight_ih"), get("bias_ih"))
                from_h = nn.functional.linear(h, get("weight_hh"), get("bias_hh"))
                if mode.startswith("rnn"):
                    a = from_x + from_h
                    h = a.tanh() if mode == "rnn-tanh" else a.relu()
                    values = [a, h]
                elif mode == "gru":
                    (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, -1), from_h.chunk(3, -1)
                    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
                    n = (xn + r * hn).tanh()
                    h = (1 - z) * n + z * h
                    values = [r, z, n, h]
                else:
                    i, f, g, o = (from_x + from_h).chunk(4, -1)
                    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
                    c = f * c + i * g
                    h = o * c.tanh()
                    h = nn.functional.linear(h, w_hr) if w_hr is not None else h
                    values = [i, f, g, o, c, h]
                run.append(values)
            if direction:
                run.reverse()
            outputs.append([values[-1] for values in run])
            all_gates += [torch.stack(gate, 1 if swapped else 0) for gate in zip(*run)]
        steps = [torch.cat(step, -1) for step in zip(*outputs)]
    return [gate.contiguous() for gate in all_gates]


def cells():
    for mode, bias in itertools.product(CELLS, BOOLEANS):
        cell = CELLS[mode](3, 5, bias=bias)
        is_lstm = mode == "lstm"
        call = lambda cell, x, *state: cell(x, tuple(state) if is_lstm else state[0])
        inputs = [uniform(4, 3), uniform(4, 5)] + [uniform(4, 5)] * is_lstm
        yield case("cell", cell, inputs, call, mode=mode)


def others():
    forward = lambda module, x: module(x)
    for bias, shape in itertools.product(BOOLEANS, [(20,), (1, 20), (3, 20), (7, 20), (2, 3, 20)]):
        yield case("linear", nn.Linear(20, 9, bias=bias), [uniform(*shape)], forward)
    for shape in [(), (4,), (2, 3), (2, 1, 3)]:
        yield case("embedding", nn.Embedding(11, 6), [torch.randint(11, shape)], forward)
    conv = itertools.product([1, 2, 3], [0, 2, "same"], [1, 2], [1, 2, 4], BOOLEANS, BOOLEANS, [3, 4, 130])
    for stride, padding, dilation, groups, bias, batched, length in conv:
        if padding == "same" and stride > 1 or padding == 0 and length <= 2 * dilation:
            continue
        options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
        module = nn.Conv1d(8, 12, 3, bias=bias, **options)
        options["padding"] = -1 if padding == "same" else padding
        yield case("conv1d", module, [uniform(*([2] if batched else []), 8, length)], forward, **options)
    for kernel in [1, 2, 4]:
        options = dict(stride=1, padding=-1, dilation=3, groups=1)
        yield case("conv1d", nn.Conv1d(2, 3, kernel, padding="same", dilation=3), [uniform(1, 2, 9)], forward, **options)
    for shape, eps, bias in itertools.product([[20], [3, 5]], [1e-5, 1e-3], BOOLEANS):
        module = nn.LayerNorm(shape, eps=eps, bias=bias)
        [nn.init.uniform_(parameter) for parameter in module.parameters()]
        yield case("layer-norm", module, [uniform(2, 4, *shape) * 3 + 5], forward, eps=eps)
    for affine, eps, shape in itertools.product(BOOLEANS, [1e-5, 1e-3], [(4, 6), (4, 6, 7)]):
        module = nn.BatchNorm1d(6, affine=affine, eps=eps).eval()
        [nn.init.uniform_(tensor) for tensor in module.state_dict().values() if tensor.is_floating_point()]
        yield case("batch-norm", module, [uniform(*shape)], forward, eps=eps)
    functions = {
        "relu": torch.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "softmax": torch.softmax,
        "log_softmax": torch.log_softmax,
        "argmax": torch.argmax,
    }
    for name, function in functions.items():
        for axis in [0, 1, 2]:
            arguments = [axis] if name.endswith("max") else []
            x = [uniform(3, 4, 5) * 20]
            yield case(name, nn.Identity(), x, lambda _, x: function(x, *arguments), axis=axis)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    small, wide = (3, 3, 3, 4), (5, 40, 18, 6)
    grid = itertools.chain(
        itertools.product(MODES, [small], BOOLEANS, BOOLEANS, BOOLEANS, [1, 2, 3], FORMS, BOOLEANS),
        itertools.product(MODES, [wide, (5, 7, 18, 6)], BOOLEANS, BOOLEANS, BOOLEANS, [2], FORMS, BOOLEANS),
    )
    cases = [recurrent(*arguments) for arguments in grid]
    torch.save([*cases, *cells(), *others()], sys.argv[1])
    print(len(cases), "recurrent cases")


if __name__ == "__main__":
    main()
