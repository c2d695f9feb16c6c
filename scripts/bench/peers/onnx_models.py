"""Writes `model.onnx` into the folders of engine_files.py: reads the descriptions of the networks (see engines.py) from stdin as JSON.

The graphs are those that the engines run fastest: one operator for each layer, every size fixed, and the last state of the layer
instead of all states if nothing else is read.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

# ONNX's order of the gates, as indices into torch.nn's.
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}  # LSTM: i f g o to i o f g; GRU: r z n to z r n
ATTRIBUTES = {"rnn": {}, "lstm": {}, "gru": {"linear_before_reset": 1}}  # GRU: the bias of n is within the product with r, as in torch.nn


def main():
    for work in json.load(sys.stdin):
        folder = Path(work["files"])
        graph = Graph(work, numpy.load(folder / "weights.npz"))
        onnx.save(graph.model(), folder / "model.onnx")


class Graph:
    def __init__(self, work, weights):
        self.work = work
        self.weights = weights
        self.nodes = []
        self.constants = []

    def model(self):
        work = self.work
        batch, length, size, hidden = work["batch"], work["length"], work["input_size"], work["hidden_size"]
        directions = 2 if work["bidirectional"] else 1
        if work["task"] == "stream":
            inputs = {"x": [1, batch, size], "h": [1, batch, hidden]}
            outputs = {"next_h": [1, batch, hidden]}
            self.layer(0, "x", "h", "", "next_h")  # one layer: its output is its state
        elif work["classes"] is None:
            inputs = {"x": [length, batch, size]}
            outputs = {"y": [length, batch, directions * hidden]}
            self.stack("x", "y")
        else:
            inputs = {"x": [batch, length, size]}
            outputs = {"y": [batch, work["classes"]]}
            self.node("Transpose", ["x"], ["steps"], perm=[1, 0, 2])
            last = work["num_layers"] - 1
            below = self.stack("steps", "states", last) if last else "steps"
            self.layer(last, below, "", "", "last_h")
            self.node("Squeeze", ["last_h", self.constant("axis", numpy.array([0]))], ["last"])
            weight, bias = (self.constant(f"fc.{name}", self.weights[f"fc.{name}"]) for name in ("weight", "bias"))
            self.node("Gemm", ["last", weight, bias], ["y"], transB=1)
        graph = helper.make_graph(self.nodes, "network", values(inputs), values(outputs), self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def stack(self, x, y, layers=None):
        """The first `layers` layers, with all steps of the last one as `y`: (steps, batch, directions * hidden)."""
        work = self.work
        layers = layers or work["num_layers"]
        directions = 2 if work["bidirectional"] else 1
        for layer in range(layers):
            states, out = f"states_{layer}", y if layer == layers - 1 else f"y_{layer}"
            self.layer(layer, x, "", states, "")  # (steps, directions, batch, hidden)
            if directions == 1:
                self.node("Squeeze", [states, self.constant(f"axis_{layer}", numpy.array([1]))], [out])
            else:
                shape = numpy.array([work["length"], work["batch"], directions * work["hidden_size"]])
                self.node("Transpose", [states], [f"joined_{layer}"], perm=[0, 2, 1, 3])
                self.node("Reshape", [f"joined_{layer}", self.constant(f"shape_{layer}", shape)], [out])
            x = out
        return x

    def layer(self, layer, x, h, y, last_h):
        """An operator RNN, LSTM or GRU. An empty name is an input or output that is left out."""
        cell = self.work["cell"]
        suffixes = ["", "_reverse"] if self.work["bidirectional"] else [""]

        def both(*parts):
            """A tensor with one row for each direction."""
            rows = [numpy.concatenate([self.reordered(f"rnn.{part}_l{layer}{suffix}") for part in parts]) for suffix in suffixes]
            return self.constant(f"{parts[0]}_{layer}", numpy.stack(rows))

        inputs = [x, both("weight_ih"), both("weight_hh"), both("bias_ih", "bias_hh"), "", h]
        while not inputs[-1]:
            inputs.pop()
        self.node(cell.upper(), inputs, [y, last_h] if last_h else [y], hidden_size=self.work["hidden_size"],
                  direction="bidirectional" if self.work["bidirectional"] else "forward", **ATTRIBUTES[cell])

    def reordered(self, name):
        gates = GATES[self.work["cell"]]
        parts = numpy.split(self.weights[name], len(gates))
        return numpy.concatenate([parts[gate] for gate in gates])

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind, inputs, outputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))


def values(shapes):
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]


if __name__ == "__main__":
    main()
