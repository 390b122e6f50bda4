"""Waits until a server answers HTTP on a port of 127.0.0.1, and refuses one that listens on more than that.

    await_loopback.py PORT PID
"""

import http.client
import os
import pathlib
import sys
import time

LIMIT_SECONDS = 90


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def addresses_listening_on(port: int) -> set[str]:
    """Local addresses (hexadecimal, as Linux shows them) with a listening socket on the port; empty where there is no /proc."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not pathlib.Path(table).exists():
            continue
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            address, local_port = fields[1].rsplit(":", 1)
            if fields[3] == "0A" and int(local_port, 16) == port:
                found.add(address)
    return found


def main() -> int:
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    deadline = time.monotonic() + LIMIT_SECONDS
    while not answers(port):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            print("the server has ended; its log says why:", file=sys.stderr)
            return 1
        if time.monotonic() > deadline:
            print(f"no HTTP answer on 127.0.0.1:{port} within {LIMIT_SECONDS} s", file=sys.stderr)
            return 1
        time.sleep(0.2)
    beyond = addresses_listening_on(port) - {"0100007F"}
    if beyond:
        print(f"the server listens on more than 127.0.0.1: {sorted(beyond)}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
