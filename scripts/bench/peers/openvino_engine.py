"""Inference of networks in OpenVINO: `openvino_engine.py THREADS`. See ../engines.py for the networks."""

import sys

import numpy
import openvino
from serve import answer, requests

CORE = openvino.Core()
OPTIONS = {
    "INFERENCE_PRECISION_HINT": "f32",  # by default it computes with bf16 on a CPU that has it
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    "INFERENCE_NUM_THREADS": int(sys.argv[1]),
    "ENABLE_HYPER_THREADING": True,  # otherwise it uses one thread for each physical core
}


def main():
    network = None
    for request in requests():
        if network is None or network.work != request["work"]:
            network = None  # frees memory before the next one allocates
            network = (Stream if request["work"]["task"] == "stream" else Forward)(request["work"])
        answer(network.call, request, lambda: network.difference)


class Forward:
    """Runs a network on whole sequences."""

    def __init__(self, work):
        self.work = work
        shape = (work["batch"], work["length"], -1) if work["classes"] else (work["length"], work["batch"], -1)
        self.x = numbers(work, "input").reshape(shape)
        expected = numbers(work, "expected").reshape((work["batch"], work["classes"]) if work["classes"] else shape)
        self.y = numpy.empty_like(expected)
        self.request = bound(load(work), {"x": self.x, "y": self.y})
        self.call()
        self.call()  # the output shows that no state is left of the call before
        self.difference = difference(self.y, expected)

    def call(self):
        self.request.infer(share_outputs=True)


class Stream:
    """Runs a layer on one time step per call. Two arrays hold in turn the old and the new state."""

    def __init__(self, work):
        self.work = work
        self.steps = numbers(work, "input").reshape(work["length"], 1, work["batch"], -1)
        expected = numbers(work, "expected").reshape(work["length"], 1, work["batch"], -1)
        self.x = numpy.empty_like(self.steps[0])
        self.states = [numpy.zeros_like(expected[0]) for _ in range(2)]
        model = load(work)
        self.requests = [bound(model, {"x": self.x, "h": self.states[old], "next_h": self.states[1 - old]}) for old in range(2)]
        self.position = 0
        self.difference = difference(numpy.stack([self.call().copy() for _ in expected]), expected)

    def call(self):
        old = self.position % 2
        self.x[...] = self.steps[self.position % len(self.steps)]
        self.position += 1
        self.requests[old].infer(share_outputs=True)
        return self.states[1 - old]


def load(work):
    return CORE.compile_model(f"{work['files']}/model.onnx", "CPU", OPTIONS)


def bound(model, arrays):
    """A request that reads and writes the memory of `arrays`, so that a call copies and allocates nothing."""
    request = model.create_infer_request()
    for name, array in arrays.items():
        request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
    return request


def numbers(work, name):
    return numpy.fromfile(f"{work['files']}/{name}.f32", "<f4")


def difference(found, expected):
    return float(abs(found - expected).max())


main()
