"""Loads the files that python.rs wrote to the folder argv[1] and checks each value, type and order."""

import collections
import io
import math
import os
import sys
import zipfile

try:
    import torch
except (ImportError, OSError):
    sys.exit(77)  # the minimal set-up has libtorch, but not all that Python's torch loads


def path(name):
    return os.path.join(sys.argv[1], name + ".pt")


def load(name):
    """Loads in every way that people do; the ways must agree."""
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
        assert torch.equal(a, b), where
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
    names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    assert list(loaded) == names
    for name in names:
        dtype = getattr(torch, name)
        for tensor, shape in zip(loaded[name], [(2, 3), (0, 3), ()]):
            size = dtype.itemsize * math.prod(shape)
            raw = bytearray(i % 2 for i in range(size))
            expected = torch.frombuffer(raw, dtype=dtype).reshape(shape) if raw else torch.empty(shape, dtype=dtype)
            same(tensor, expected, name)


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
    """Only the records: torch.load takes seconds for so many tensors."""
    reader = torch._C.PyTorchFileReader(path("many"))
    assert len(reader.get_all_records()) == 66_005
    for i in (0, 1, 65535, 65999):
        assert int.from_bytes(reader.get_record(f"data/{i}"), "little") == i


def large():
    loaded = torch.load(path("large"), weights_only=True, mmap=True)
    assert loaded["large"].shape == (2**32 + 5,) and loaded["large"].dtype == torch.int8
    assert not loaded["large"][-8:].any()
    same(loaded["behind"], torch.arange(1.0, 7.0).view(2, 3))


def layout():
    """Python's zipfile judges the container; torch's own way of computing the offsets must not be taken."""
    for file in os.listdir(sys.argv[1]):
        with zipfile.ZipFile(os.path.join(sys.argv[1], file)) as archive:
            if file not in ("large.pt", "many.pt"):
                assert archive.testzip() is None, file
    torch.utils.serialization.config.load.calculate_storage_offsets = True
    same(torch.load(path("checkpoint"), weights_only=True), torch.load(path("checkpoint"), weights_only=False))


for check in (values, dtypes, shared, state_dict, checkpoint, many, large, layout):
    check()
print("all checks passed")
