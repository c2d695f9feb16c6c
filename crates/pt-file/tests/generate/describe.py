"""The description of a Python value as JSON, in the terms of pt_file::Value.

An object is described by what its pickle says: `copyreg.__reduce_ex__` gives the class, arguments, state, items and entries.
"""

import collections
import hashlib

import numpy
import torch


def tensor(value):
    """Dtype, shape and a digest of the elements in row-major order."""
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    raw = bytes(plain.clone().untyped_storage()) if plain.numel() else b""
    return {
        "type": "Tensor",
        "dtype": str(plain.dtype).removeprefix("torch."),
        "shape": list(plain.shape),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def obj(module, name, args=(), state=None, items=(), entries=(), seen=()):
    return {
        "type": "object",
        "class": f"{module}.{name}",
        "args": [describe(arg, seen) for arg in args],
        "state": None if state is None else describe(state, seen),
        "items": [describe(item, seen) for item in items],
        "entries": [[describe(key, seen), describe(item, seen)] for key, item in entries],
    }


def name(module, attribute):
    return {"type": "global", "value": f"{module}.{attribute}"}


SIMPLE_KEYS = (type(None), bool, int, float, str, bytes)


def is_simple(key):
    if type(key) is tuple:
        return all(is_simple(item) for item in key)
    return type(key) in SIMPLE_KEYS and not (type(key) is int and not -(2**63) <= key < 2**63)


def describe_tensor(value, seen):
    if type(value) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return obj(type(value).__module__, type(value).__qualname__, [value.as_subclass(torch.Tensor)], value.__dict__ or None, seen=seen)
    value = value.detach()
    if value.is_quantized:
        if value.qscheme() == torch.per_tensor_affine:
            quantizer = (value.qscheme(), value.q_scale(), value.q_zero_point())
        else:
            # torch.save writes this scheme also for per_channel_affine_float_qparams.
            quantizer = (torch.per_channel_affine, value.q_per_channel_scales(), value.q_per_channel_zero_points(), value.q_per_channel_axis())
        return obj("torch._utils", "_rebuild_qtensor", [value.int_repr(), quantizer], seen=seen)
    if value.is_nested:
        args = [value.values(), value._nested_tensor_size(), value._nested_tensor_strides(), value._nested_tensor_storage_offsets()]
        return obj("torch._utils", "_rebuild_nested_tensor", args, seen=seen)
    if value.device.type == "meta":
        args = [value.dtype, tuple(value.shape), value.stride(), False]
        return obj("torch._utils", "_rebuild_meta_tensor_no_storage", args, seen=seen)
    if value.layout == torch.sparse_coo:
        data = (value._indices(), value._values(), tuple(value.shape), value.is_coalesced())
        return obj("torch._utils", "_rebuild_sparse_tensor", [value.layout, data], seen=seen)
    if value.layout in (torch.sparse_csr, torch.sparse_bsr):
        data = (value.crow_indices(), value.col_indices(), value.values(), tuple(value.shape))
        return obj("torch._utils", "_rebuild_sparse_tensor", [value.layout, data], seen=seen)
    if value.layout in (torch.sparse_csc, torch.sparse_bsc):
        data = (value.ccol_indices(), value.row_indices(), value.values(), tuple(value.shape))
        return obj("torch._utils", "_rebuild_sparse_tensor", [value.layout, data], seen=seen)
    return tensor(value)


def describe(value, seen=()):
    """`seen` are the ids of the enclosing containers."""
    kind = type(value)
    if value is None:
        return {"type": "NoneType"}
    if kind in (bool, str):
        return {"type": kind.__name__, "value": value}
    if kind is int:
        return {"type": "int", "value": str(value) if -(2**63) <= value < 2**63 else hex(value)}
    if kind is float:
        return {"type": "float", "value": value.hex()}
    if kind is complex:
        return {"type": "complex", "value": [value.real.hex(), value.imag.hex()]}
    if kind in (bytes, bytearray):
        return {"type": kind.__name__, "value": value.hex()}
    if kind in (torch.dtype, torch.qscheme, torch.memory_format):
        return name("torch", str(value).removeprefix("torch."))
    if kind is torch.layout:
        return name("torch", str(value).removeprefix("torch."))
    if isinstance(value, torch.Tensor):
        return describe_tensor(value, seen)
    if isinstance(value, (torch.UntypedStorage, torch.TypedStorage)):
        untyped = value if isinstance(value, torch.UntypedStorage) else value._untyped_storage
        dtype = torch.uint8 if isinstance(value, torch.UntypedStorage) else value.dtype
        return tensor(torch.tensor([], dtype=dtype).set_(untyped))
    if isinstance(value, numpy.generic):
        return describe(value.item(), seen)
    if kind is numpy.ndarray and value.dtype.kind in "fiubc":
        if value.dtype.byteorder == ">":
            value = value.astype(value.dtype.newbyteorder("<"))
        return tensor(torch.from_numpy(value.copy()))
    if isinstance(value, type) or kind.__name__ in ("function", "builtin_function_or_method"):
        return name(value.__module__, value.__qualname__)
    if id(value) in seen:
        return {"type": "back reference"}
    seen = (*seen, id(value))
    if kind is torch.Size:
        kind, value = tuple, tuple(value)
    if kind in (list, tuple):
        return {"type": kind.__name__, "items": [describe(item, seen) for item in value]}
    if kind in (set, frozenset):
        items = [describe(item, seen) for item in value]
        return {"type": kind.__name__, "items": sorted(items, key=lambda item: str(item.get("value")))}
    if kind is collections.Counter:
        kind, value = dict, dict(value)
    if kind in (dict, collections.OrderedDict) and all(is_simple(key) for key in value):
        entries = [[describe(key, seen), describe(item, seen)] for key, item in value.items()]
        described = {"type": kind.__name__, "entries": entries}
        attributes = getattr(value, "__dict__", {})
        if "_metadata" in attributes:
            described["metadata"] = describe(attributes["_metadata"], seen)
        return described
    if kind is dict:
        return obj("builtins", "dict", entries=value.items(), seen=seen)
    return describe_object(value, seen)


def describe_object(value, seen):
    reduced = value.__reduce_ex__(2)
    if isinstance(reduced, str):
        return name(type(value).__module__, reduced)
    function, args, state, items, entries = (*reduced, None, None, None)[:5]
    module, attribute = function.__module__, function.__qualname__
    if function.__name__ == "__newobj__":
        module, attribute, args = args[0].__module__, args[0].__qualname__, args[1:]
    if function.__name__ == "__newobj_ex__":
        module, attribute, args = args[0].__module__, args[0].__qualname__, [*args[1], args[2]]
    return obj(module, attribute, args, state, items or (), entries or (), seen)
