"""The Python part of python.rs.

Loads the files that python.rs wrote to the folder argv[1], and checks values, types and order. Then writes training
checkpoints to argv[1]/python. After python.rs has read the checkpoints and written them to argv[1]/again, compares the two.
"""

import collections
import io
import math
import os
import sys
import zipfile

import torch


def path(name):
    return os.path.join(sys.argv[1], name + ".pt")


def load(name):
    """Loads with each way of torch.load. The results must be equal."""
    first = torch.load(path(name), weights_only=True)
    with open(path(name), "rb") as file:
        in_memory = io.BytesIO(file.read())
    others = [
        torch.load(path(name), weights_only=True, mmap=True),
        torch.load(path(name), weights_only=False),
        torch.load(in_memory, weights_only=True),
    ]
    for other in others:
        same(first, other)
    torch.load(path(name), weights_only=True, map_location="meta")
    return first


def same(a, b, where="top"):
    assert type(a) is type(b), (where, type(a), type(b))
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride(), where
        bits = [bytes(x.detach().contiguous().untyped_storage()) for x in (a, b)]
        assert bits[0] == bits[1] or torch.equal(a, b), where
    elif isinstance(a, dict):
        assert list(a) == list(b), (where, list(a), list(b))
        for key in a:
            same(a[key], b[key], f"{where}[{key!r}]")
        assert getattr(a, "_metadata", None) == getattr(b, "_metadata", None), where
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for index, pair in enumerate(zip(a, b)):
            same(*pair, f"{where}[{index}]")
    elif isinstance(a, float):
        assert math.copysign(1, a) == math.copysign(1, b) and (a == b or (a != a and b != b)), (where, a, b)
    else:
        assert a == b, (where, a, b)


def values():
    deep = "bottom"
    for _ in range(100):
        deep = [deep]
    expected = {
        "none": None,
        "bools": (True, False),
        "ints": [0, 1, 255, 256, 65535, 65536, -1, -128, 2**31 - 1, -(2**31)],
        "long ints": [2**31, -(2**31) - 1, 2**39, -(2**39), 2**63 - 1, -(2**63)],
        "floats": [0.0, -0.0, 0.1, sys.float_info.max, sys.float_info.min, math.inf],
        "nan": math.nan,
        "Übung \U0001f43b \0 \"'\n": "Größe \U0001f40b",
        "": "",
        "empty": [[], (), {}],
        "tuples": [(0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)],
        "keys": {0: "zero", -1: "minus one", 2**63 - 1: "most"},
        "ordered": collections.OrderedDict(),
        "deep": deep,
    }
    same(load("values"), expected)


def dtypes():
    loaded = load("dtypes")
    names = list(loaded)
    assert len(names) == 27, names
    for name in names:
        dtype = getattr(torch, name)
        for tensor, shape in zip(loaded[name], [(2, 3), (0, 3), ()]):
            size = dtype.itemsize * math.prod(shape)
            raw = bytearray(i % 2 for i in range(size))
            assert tensor.dtype == dtype and tensor.shape == shape, name
            assert bytes(tensor.contiguous().untyped_storage()) == bytes(raw), name


def shared():
    for mmap in (False, True):
        loaded = torch.load(path("shared"), weights_only=True, mmap=mmap)
        all24 = torch.arange(24.0)
        same(loaded["all"], all24)
        same(loaded["first"], all24[:6].view(2, 3))
        same(loaded["transposed"], all24[6:12].view(2, 3).t())
        same(loaded["expanded"], all24[20].expand(4, 5))
        same(loaded["own"], torch.tensor([7.0, 8.0]))
        loaded["all"].zero_()
        assert not loaded["transposed"].any() and not loaded["expanded"].any()
        assert loaded["own"].all()


def state_dict():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(3, 2)

    model, loaded = Model(), load("state_dict")
    assert type(loaded) is collections.OrderedDict
    assert loaded._metadata == model.state_dict()._metadata, loaded._metadata
    assert type(loaded._metadata) is collections.OrderedDict
    model.load_state_dict(loaded)
    same(model.fc.weight.data, torch.arange(1.0, 7.0).view(2, 3))
    same(model.fc.bias.data, torch.tensor([10.0, 11.0]))


def checkpoint():
    loaded = load("checkpoint")
    assert list(loaded) == ["model", "optimizer", "epoch"] and loaded["epoch"] == 3
    parameters = [torch.nn.Parameter(loaded["model"]["fc." + name].clone()) for name in ("weight", "bias")]
    adam = torch.optim.Adam(parameters)
    groups = adam.state_dict()["param_groups"]
    assert list(groups[0]) == list(loaded["optimizer"]["param_groups"][0])
    adam.load_state_dict(loaded["optimizer"])
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    adam.step()
    state = adam.state_dict()
    assert state["param_groups"][0]["betas"] == (0.9, 0.999) and state["param_groups"][0]["lr"] == 0.01
    assert all(state["state"][i]["step"] == 6 for i in (0, 1))
    same(state["state"][0]["exp_avg"], torch.arange(1.0, 7.0).view(2, 3).lerp(torch.ones(2, 3), 1 - 0.9))


def many():
    """Checks only the records: torch.load takes seconds for so many tensors."""
    reader = torch._C.PyTorchFileReader(path("many"))
    assert len(reader.get_all_records()) == 66_005
    for i in (0, 1, 65535, 65999):
        assert int.from_bytes(reader.get_record(f"data/{i}"), "little") == i


def large():
    loaded = torch.load(path("large"), weights_only=True, mmap=True)
    assert loaded["large"].shape == (2**32 + 5,) and loaded["large"].dtype == torch.int8
    assert not loaded["large"][-8:].any()
    same(loaded["behind"], torch.arange(1.0, 7.0).view(2, 3))


def archive():
    """Checks the archive with Python's zipfile, and that torch does not compute the record offsets itself."""
    for file in filter(lambda name: name.endswith(".pt"), os.listdir(sys.argv[1])):
        with zipfile.ZipFile(os.path.join(sys.argv[1], file)) as archive:
            if file not in ("large.pt", "many.pt"):
                assert archive.testzip() is None, file
    torch.utils.serialization.config.load.calculate_storage_offsets = True
    same(torch.load(path("checkpoint"), weights_only=True), torch.load(path("checkpoint"), weights_only=False))


def training():
    """Checkpoints from the middle of a training run, for each layer and optimizer."""
    torch.manual_seed(0)
    layers = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    optimizers = {
        "adam": lambda p: torch.optim.Adam(p, amsgrad=True),
        "adamw": torch.optim.AdamW,
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        "rmsprop": torch.optim.RMSprop,
    }
    for layer, make in layers.items():
        for name, optimizer in optimizers.items():
            model = torch.nn.ModuleDict({"rnn": make(3, 4, num_layers=2, bidirectional=True), "fc": torch.nn.Linear(8, 2)})
            optimizer = optimizer(model.parameters())
            schedulers = [
                torch.optim.lr_scheduler.StepLR(optimizer, 2),
                torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
                torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10),
            ]
            for _ in range(3):
                optimizer.zero_grad()
                model["fc"](model["rnn"](torch.randn(5, 2, 3))[0]).square().mean().backward()
                optimizer.step()
                for scheduler in schedulers:
                    scheduler.step()
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
            plateau.step(0.5)
            yield f"{layer}-{name}", {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedulers": [scheduler.state_dict() for scheduler in schedulers + [plateau]],
                "rng_state": torch.get_rng_state(),
                "epoch": 3,
                "best": None,
            }


def more_samples():
    flat = torch.arange(24.0)
    views = {"a": flat[:6].view(2, 3), "b": flat[6:12].view(2, 3).t(), "c": flat[20].expand(4, 5), "d": flat}
    yield "views", views
    yield "channels_last", {"x": torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last)}
    numbers = torch.tensor([0.0, 1.0, 2.0])
    names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    yield "dtypes", [[numbers.to(getattr(torch, n)), torch.empty(2, 0).to(getattr(torch, n))] for n in names]
    yield "values", torch.load(path("values"), weights_only=True)
    shared = [1, 2.5, "x"]
    yield "memo", {"a": shared, "b": shared, "long": list(range(3000)), "text": ["same"] * 300}
    yield "top level tensor", torch.randn(3)
    # The reader simplifies these: a parameter becomes a tensor, a Size a tuple, a Counter a dict.
    parameter = torch.nn.Parameter(torch.ones(2))
    yield "simplified", {"p": parameter, "s": torch.Size([2, 3]), "c": collections.Counter("aab"), "g": torch.ones(2, requires_grad=True)}


def simplified(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value) is torch.Size:
        return tuple(value)
    if type(value) is collections.Counter:
        return dict(value)
    if type(value) is dict:
        return {key: simplified(item) for key, item in value.items()}
    return value


def on_cuda(source, target):
    """Makes a file as written on a GPU: the same with another location. The pickle has 'cpu' only once."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"))


def exchange():
    folder, again = (os.path.join(sys.argv[1], name) for name in ("python", "again"))
    os.mkdir(folder)
    samples = dict(training()) | dict(more_samples())
    for name, value in samples.items():
        torch.save(value, os.path.join(folder, name + ".pt"))
    on_cuda(os.path.join(folder, "lstm-adam.pt"), os.path.join(folder, "cuda.pt"))
    samples["cuda"] = samples["lstm-adam"]
    print("written", flush=True)
    assert sys.stdin.readline() == "rewritten\n"
    for name, value in samples.items():
        loaded = torch.load(os.path.join(again, name + ".pt"), weights_only=True)
        same(loaded, simplified(value) if name == "simplified" else value, name)
        if name == "views":
            loaded["d"].zero_()
            assert not any(view.any() for view in loaded.values())


for check in (values, dtypes, shared, state_dict, checkpoint, many, large, archive, exchange):
    check()
print("all checks passed")
