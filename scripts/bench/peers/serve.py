"""The line protocol of scripts/bench, for a program that times one training step only."""

import json
import sys
import time


def serve(step):
    """Answers requests with the times of `step`, which must return only when everything is computed."""
    step()  # compiles
    for line in sys.stdin:
        request = json.loads(line)
        for _ in range(request["untimed"]):
            step()
        seconds = []
        begun = time.perf_counter()
        while not seconds or time.perf_counter() - begun < request["budget"]:
            call = time.perf_counter()
            value = step()
            seconds.append(time.perf_counter() - call)
        print(json.dumps({"seconds": seconds, "value": float(value)}), flush=True)
