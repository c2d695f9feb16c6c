"""Containers: every way in which one value can be in a file."""

import collections
import io
import os
import pickle
import struct
import tarfile
import tempfile
import warnings
import zipfile

import torch

import classes
import values


def value():
    flat = torch.arange(12.0)
    return {
        "model": torch.nn.Linear(3, 2).state_dict(),
        "views": [flat, flat[2:5], flat.view(3, 4).t()],
        "half": torch.arange(4).half(),
        "long": torch.arange(3),
        "epoch": 3,
        "name": "gru",
    }


def saved(value, **options):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, file, **options)
    return file.getvalue()


def repacked(file, compression=zipfile.ZIP_STORED, change=lambda name, data: data):
    """The records in a new archive. `change` returns None for a record that is left out."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(made, "w", compression) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None and not name.endswith("/.format_version"):
                new.writestr(name, data)
    return made.getvalue()


def big_endian(value):
    """The file of a big-endian machine."""
    # In this value each record has numbers of one size.
    sizes = iter(tensor.element_size() // (2 if tensor.is_complex() else 1) for tensor in value)

    def swap(name, data):
        if name.endswith("/byteorder"):
            return b"big"
        if "/data/" in name:
            size = next(sizes)
            return b"".join(data[at : at + size][::-1] for at in range(0, len(data), size))
        return data

    return repacked(saved(value), change=swap)


def without_checksums(value):
    torch.serialization.set_crc32_options(False)
    try:
        return saved(value)
    finally:
        torch.serialization.set_crc32_options(True)


def legacy_with_views():
    """Storages that are views of others, as PyTorch 0.2 wrote them, and locations on a GPU that does not matter here."""
    keys = {"root": "100", "other": "200"}

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj):
            return obj.id if isinstance(obj, Reference) else None

    class Reference:
        def __init__(self, *id):
            self.id = ("storage", torch.FloatStorage, *id)

    def tensor(reference, offset, shape, stride):
        return Rebuilt(reference, offset, shape, stride)

    class Rebuilt:
        def __init__(self, *args):
            self.args = args

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.args

    whole = Reference(keys["root"], "cpu", 6, None)
    part = Reference(keys["root"], "cpu", 6, ("101", 2, 3))
    other = Reference(keys["other"], "cpu", 2, None)
    file = io.BytesIO()
    for header in (torch.serialization.MAGIC_NUMBER, torch.serialization.PROTOCOL_VERSION, {"little_endian": True}):
        pickle.dump(header, file, protocol=2)
    Pickler(file, protocol=2).dump(
        {"whole": tensor(whole, 0, (2, 3), (3, 1)), "part": tensor(part, 1, (2,), (1,)), "other": tensor(other, 0, (2,), (1,))}
    )
    pickle.dump(sorted(keys.values()), file, protocol=2)
    file.write(struct.pack("<q6f", 6, *range(6)) + struct.pack("<q2f", 2, 8, 9))
    flat = torch.arange(6.0)
    return file.getvalue(), {"whole": flat.view(2, 3), "part": flat[3:5], "other": torch.tensor([8.0, 9.0])}


def tar():
    """The format of 0.1.10, made after torch's reader, which reads it with weights_only=False."""
    class Key:
        def __init__(self, key):
            self.key = key

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj):
            return obj.key if isinstance(obj, Key) else None

    def dump(value):
        file = io.BytesIO()
        Pickler(file, protocol=2).dump(value)
        return file.getvalue()

    storages = dump(2)
    storages += dump((10, "cpu", torch.FloatStorage)) + struct.pack("<q6f", 6, *range(6))
    storages += dump((11, "cpu", torch.LongStorage)) + struct.pack("<q2q", 2, 7, -8)
    storages += dump([(12, 10, 2, 3)])
    tensors = dump(3)
    for key, storage, shape, stride, offset in [(20, 10, (2, 3), (3, 1), 0), (21, 11, (2,), (1,), 0), (22, 12, (2,), (1,), 1)]:
        tensors += dump((key, storage, torch.FloatTensor)) + struct.pack("<ii", len(shape), 0)
        tensors += struct.pack(f"<{len(shape)}q", *shape) + struct.pack(f"<{len(stride)}q", *stride) + struct.pack("<q", offset)
    main = dump(collections.OrderedDict([("weight", Key("20")), ("steps", Key("21")), ("view", Key("22")), ("epoch", 3)]))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for name, data in [("sys_info", dump({"protocol_version": 1000})), ("pickle", main), ("tensors", tensors), ("storages", storages)]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    flat = torch.arange(6.0)
    expected = collections.OrderedDict(weight=flat.view(2, 3), steps=torch.tensor([7, -8]), view=flat[3:5], epoch=3)
    check_with_torch(file.getvalue(), expected)
    return file.getvalue(), expected


def check_with_torch(file, expected):
    """Checks that torch's own reader of tar archives reads these values, with the view sharing memory."""
    path = os.path.join(tempfile.mkdtemp(), "a.tar")
    with open(path, "wb") as out:
        out.write(file)
    value = torch.load(path, weights_only=False)
    assert list(value) == list(expected) and value["epoch"] == expected["epoch"]
    assert all(torch.equal(value[key], expected[key]) for key in ("weight", "steps", "view"))
    assert value["view"].data_ptr() == value["weight"][1].data_ptr()


def python_2():
    """A bare pickle of Python 2: strings, old classes, OrderedDict as lists."""
    text = b"(dp1\nS'name'\np2\nS'gr\\'u\\x41'\np3\nsS'unicode'\np4\nV\\u00e9\\u20ac\np5\nsS'n'\np6\nI3\nsS'big'\np7\nL123456789012345678901234567890L\nsS'lr'\nF0.5\nsS'on'\nI01\nsS'items'\n(lp8\nI1\naI2\nasS'pair'\n(I1\nI2\ntp9\ns."
    value = {
        "name": "gr'uA",
        "unicode": "é€",
        "n": 3,
        "big": 123456789012345678901234567890,
        "lr": 0.5,
        "on": True,
        "items": [1, 2],
        "pair": (1, 2),
    }
    return text, value


def files():
    """Name, file, and the value or None if Python reads it from the file."""
    torch.manual_seed(0)
    one = value()
    for protocol in range(2, 6):
        yield f"zip_protocol_{protocol}", saved(one, pickle_protocol=protocol), None
    for protocol in range(1, 6):
        yield f"legacy_protocol_{protocol}", saved(one, pickle_protocol=protocol, _use_new_zipfile_serialization=False), None
    yield "deflated", repacked(saved(one), zipfile.ZIP_DEFLATED), None
    yield "stored_again", repacked(saved(one)), None
    yield "trailing_bytes", saved(one) + b"\0" * 1000, None
    yield "without_checksums", without_checksums(one), None
    yield "without_byteorder", repacked(saved(one), change=lambda name, data: None if name.endswith("/byteorder") else data), None
    tensors = [torch.arange(3.0), torch.arange(4).half(), torch.arange(5), torch.tensor([1 + 2j]), torch.tensor([True, False])]
    yield "big_endian", big_endian(tensors), tensors
    on_cuda = saved(one).replace(b"X\x03\0\0\0cpu", b"X\x03\0\0\0cpu")
    yield "legacy_cuda", saved(one, _use_new_zipfile_serialization=False).replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"), one
    yield "zip_cuda", repacked(on_cuda, change=lambda name, data: data.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")), one
    yield "legacy_trailing_bytes", saved(one, _use_new_zipfile_serialization=False) + b"more", None
    yield "legacy_views", *legacy_with_views()
    yield "tar", *tar()
    for protocol in range(6):
        plain = {"lr": 0.1, "steps": [1, 2, 3], "name": "gru", "nested": (None, True, {"a": {1: 2}}), "bytes": b"abc"}
        yield f"bare_protocol_{protocol}", pickle.dumps(plain, protocol=protocol), plain
        objects = [classes.Color.RED, classes.Options(0.1, []), collections.OrderedDict(a=1), {1, 2}, 2**100, 1.5, classes.Node("x")]
        yield f"bare_objects_{protocol}", pickle.dumps(objects, protocol=protocol), objects
    yield "bare_keywords", pickle.dumps(classes.Keywords(size=3), protocol=4), None
    tensors = {"t": torch.arange(6.0).view(2, 3).t(), "p": torch.nn.Parameter(torch.ones(2)), "u": torch.tensor([1, 2], dtype=torch.uint16)}
    for protocol in (2, 4):
        yield f"bare_tensors_{protocol}", pickle.dumps(tensors, protocol=protocol), tensors
    yield "python_2", *python_2()
    # The same values in each container and protocol.
    for name, sample in values.samples():
        if name in ("dataclass", "slots", "numpy_f4", "numpy_big_f4", "sets", "bytearrays", "bytes", "big_ints", "strings", "keys", "cyclic", "dates", "numpy_scalars", "registry"):
            yield f"legacy_{name}", saved(sample, _use_new_zipfile_serialization=False), sample
            yield f"protocol_5_{name}", saved(sample, pickle_protocol=5), sample
