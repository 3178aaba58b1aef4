"""The channel to the process that runs the tested frontend."""

import json
import os
import urllib.request

_URL = os.environ["UPSTREAM_SYSTEM"]


def control(command, **arguments):
    """Runs a command of api-system.ts; returns its answer. Raises RuntimeError with the reason if it fails."""
    body = json.dumps({"command": command, **arguments}).encode()
    request = urllib.request.Request(
        f"{_URL}/control", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    if "error" in answer:
        raise RuntimeError(f"{command}: {answer['error']}")
    return answer["value"]


def site():
    """The URL of the tested frontend."""
    return _URL
