"""Gets pages for the benchmark, as a signed-in member of staff through Django's test client.

Each line on stdin is JSON: an address, and a text that its page must hold. Each is answered by a line of JSON, too:
`bytes`, `found` (how often the text is there), `first` (seconds to the first byte of the answer) and `peak` (KiB of
memory at most so far); or `error`. The first line that is written, `{}`, says that this process is ready.
"""

import json
import os
import sys
import time
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - models exist after the setup
from django.test import Client  # noqa: E402 - as above


def answer(client: Client, address: str, text: str) -> dict[str, object]:
    began = time.perf_counter()
    page = client.get(address)
    if page.status_code != 200:
        return {"error": f"HTTP {page.status_code}"}
    if page.streaming:
        parts = iter(page.streaming_content)
        head = next(parts, b"")
        first = time.perf_counter() - began
        content = head + b"".join(parts)
    else:
        first, content = time.perf_counter() - began, page.content
    return {"bytes": len(content), "found": content.count(text.encode()), "first": first, "peak": peak()}


def peak() -> int:
    """KiB. What the system counts for children includes their parent's memory before it became this program."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def main() -> None:
    client = Client()
    staff = get_user_model().objects.get(username="staff")
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    print("{}", flush=True)
    for line in sys.stdin:
        address, text = json.loads(line)
        print(json.dumps(answer(client, address, text)), flush=True)


main()
