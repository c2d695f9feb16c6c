import json
import sys
import warnings

import torch

sys.dont_write_bytecode = True
sys.path.insert(0, "crates/recurrent/fixtures")
import safetensors_file

torch.set_num_threads(1)
warnings.simplefilter("ignore")

with open(sys.argv[1]) as file:
    question = json.load(file)


def reply(value, tensors):
    safetensors_file.write(sys.argv[2], tensors)
    print(json.dumps(value))


def layer(spec):
    """Builds the torch.nn layer that a Rust `Spec` describes."""
    arguments = {name: value for name, value in spec.items() if name not in ("class", "dtype")}
    return getattr(torch.nn, spec["class"])(**arguments, dtype=getattr(torch, spec["dtype"]))
