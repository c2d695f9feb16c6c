"""The line protocol of scripts/bench: one request per line on stdin, one answer per line on stdout."""

import json
import sys
import time


def serve(step):
    """Answers requests with the times of `step`, a training step, which must return only when everything is computed."""
    value = step()  # compiles

    def call():
        nonlocal value
        value = step()

    for request in requests():
        answer(call, request, lambda: float(value))


def requests():
    return map(json.loads, sys.stdin)


def answer(call, request, value):
    """Times `call` as the request says. `value` is called after it."""
    for _ in range(request["untimed"]):
        call()
    seconds = []
    begun = time.perf_counter()
    while not seconds or time.perf_counter() - begun < request["budget"]:
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "value": value()}), flush=True)
