"""Python values."""

import argparse
import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import random
import uuid

import numpy
import torch

import classes


def cyclic():
    root = classes.Node("root")
    root.children = [classes.Node("a", root), classes.Node("b", root)]
    return root


def own_list():
    items = [1]
    items.append(items)
    return items


def samples():
    """Name and value."""
    yield "none", None
    yield "ints", [0, 1, -1, 255, 256, 65535, 65536, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, -(2**63)]
    yield "big_ints", [2**63, 2**64, -(2**63) - 1, 2**200, -(2**200), 10**400]
    yield "huge_int", 3**5000
    yield "floats", [0.0, -0.0, 0.1, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")]
    yield "complex", [1 + 2j, -0.0j, complex(float("inf"), float("nan"))]
    yield "strings", ["", "a", "가중치", "\U0001f43b", "\0", "x" * 300, 'quo"te\'s', "line\nbreak", "tab\t\\back"]
    yield "bytes", [b"", b"abc", bytes(range(256)), b"x" * 300]
    yield "bytearrays", [bytearray(), bytearray(b"abc"), bytearray(range(256))]
    yield "lists", [[], [1], [1, [2, [3]]], list(range(1001))]
    yield "tuples", [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((1,), (2, (3,)))]
    yield "sets", [set(), {1}, {1, 2, 3}, {"a", "b"}]
    yield "frozensets", [frozenset(), frozenset({1, 2})]
    yield "dicts", {"a": 1, 2: "b", "nested": {"x": {"y": {}}}, "long": {i: str(i) for i in range(1001)}}
    yield "keys", {None: 0, True: 1, 2.5: 2, b"bytes": 3, (1, "a", (2,)): 4, "s": 5, -7: 6}
    yield "keys_of_objects", {classes.Color.RED: 1, torch.float32: 2, frozenset({1}): 3, "s": 4, 2**70: 5}
    yield "bool_keys", {True: "yes", False: "no"}
    yield "ordered", collections.OrderedDict([("b", 1), ("a", 2)])
    yield "counter", collections.Counter("abracadabra")
    yield "defaultdict", collections.defaultdict(list, {"a": [1, 2], "b": []})
    yield "defaultdict_of_ints", collections.defaultdict(int, {1: 2})
    yield "deque", collections.deque([1, 2, 3], maxlen=5)
    yield "namedtuple", classes.Point(1, [2, 3])
    yield "registry", classes.Registry(a=1)
    attributes = classes.Attributes(a=1)
    attributes.frozen = True
    yield "dict_with_attributes", attributes
    yield "list_subclass", classes.Stack([1, 2])
    yield "namespace", argparse.Namespace(lr=0.1, layers=[1, 2], name="gru")
    yield "paths", [pathlib.PurePosixPath("a/b"), pathlib.PosixPath("/tmp/x")]
    zone = datetime.timezone(datetime.timedelta(hours=9), "KST")
    yield "dates", [datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.date(1999, 12, 31), datetime.timedelta(days=1, seconds=2), datetime.time(23, 59), datetime.datetime(2020, 1, 1, tzinfo=zone)]
    yield "enums", [classes.Color.RED, classes.Color.GREEN, classes.Level.HIGH]
    yield "dataclass", classes.Options(0.1, [1, 2], classes.Color.GREEN)
    yield "slots", classes.Slots(3, 4)
    yield "numbers", [decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5)]
    yield "range_slice", [range(3), slice(1, 2, 3)]
    yield "partial", functools.partial(torch.nn.Linear, 3, bias=False)
    yield "types", [int, dict, torch.nn.ReLU, torch.Tensor, collections.OrderedDict, len]
    yield "cyclic", cyclic()
    yield "own_list", own_list()
    yield "shared", [[1, 2]] * 3
    yield "random_state", random.Random(0).getstate()
    yield "numpy_random_state", numpy.random.RandomState(0).get_state(legacy=True)
    yield "numpy_scalars", [numpy.float64(0.1), numpy.float32(0.5), numpy.float16(1.5), numpy.int64(-7), numpy.int8(-3), numpy.uint8(200), numpy.uint64(2**64 - 1), numpy.bool_(True), numpy.complex64(1 + 2j), numpy.complex128(3 - 4j)]
    yield "numpy_types", [numpy.float32, numpy.int64]
    for code in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 c8 c16 >f4 >i2 >u8 >c8".split():
        yield f"numpy_{code.replace('>', 'big_')}", numpy.arange(6).reshape(2, 3).astype(code)
    yield "numpy_empty", numpy.zeros((0, 3), dtype="f4")
    yield "numpy_scalar_array", numpy.array(2.5)
    yield "numpy_fortran", numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))
    yield "numpy_strided", numpy.arange(24.0).reshape(4, 6)[::2, ::3]
    yield "numpy_in_dict", {"mean": numpy.arange(3.0), "std": numpy.float64(2), "count": 3}
    yield "torch_types", {"dtypes": [torch.float32, torch.bfloat16, torch.complex64, torch.uint16, torch.float8_e5m2, torch.qint8], "size": torch.Size([2, 3]), "layouts": [torch.strided, torch.sparse_coo, torch.sparse_csr]}
    yield "devices", [torch.device("cpu"), torch.device("cuda", 1), torch.device("mps")]
