"""Writes files of every kind to the folder argv[1], with a description of each: see README.md.

A description has the fields `value`, what Python loads; `state_dict`, for a whole module; and `weights_only`, whether
torch.load(weights_only=True) reads the file.
"""

import io
import json
import os
import pickle
import sys
import warnings

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import containers
import modules
import tensors
import values
from describe import describe


def loads(path, weights_only):
    """Whether torch reads the file, and what."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return True, torch.load(path, weights_only=weights_only, map_location="cpu")
        except Exception:
            return False, None


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    count = accepted = 0

    def write(name, file, expected=None, is_module=False):
        nonlocal count, accepted
        path = os.path.join(folder, name + ".pt")
        with open(path, "wb") as out:
            out.write(file)
        is_safe, value = loads(path, True)
        if not is_safe and expected is None:
            is_read, value = loads(path, False)
            if not is_read:
                value = pickle.loads(file)
        if expected is not None:
            value = expected
        field = "state_dict" if is_module else "value"
        with open(os.path.join(folder, name + ".json"), "w") as out:
            json.dump({field: describe(value), "weights_only": is_safe}, out)
        count, accepted = count + 1, accepted + is_safe

    for prefix, samples in (("value", values.samples()), ("tensor", tensors.samples()), ("checkpoint", modules.checkpoints())):
        for name, value in samples:
            # The value that was written, because torch does not read some of them without its class.
            write(f"{prefix}_{name}", containers.saved(value), value)
    for name, value in tensors.samples():
        if "float4" not in name:
            write(f"legacy_tensor_{name}", containers.saved(value, _use_new_zipfile_serialization=False), value)
    for name, module in modules.modules():
        for kind, options in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
            write(f"module_{name}_{kind}", containers.saved(module, **options), dict(module.state_dict()), is_module=True)
    for name, file, state in modules.scripts():
        write(f"script_{name}", file, state, is_module=True)
    for name, file, value in containers.files():
        write(f"container_{name}", file, value)
    print(f"{count} files, {accepted} that weights_only=True reads")


main()
