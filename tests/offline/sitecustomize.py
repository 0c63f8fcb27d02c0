"""No test asks the network: whoever tries gets an error, and is written down, so that swallowing it does not help.

Python loads a file of this name by itself, so this holds in the processes that tests start, too.
"""

import os
import sys
from pathlib import Path
from typing import Any

HERE = ("", "localhost", "::1", os.uname().nodename)


def refuse(event: str, args: tuple[Any, ...]) -> None:
    """Of Python's audit events, those that reach out: (host, ...), or (socket, address) of which a host comes first."""
    if event == "socket.getaddrinfo":
        host = args[0] or ""
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    name = os.fsdecode(host)
    if name not in HERE and not name.startswith("127."):
        with Path(os.environ["SGN_REACHED"]).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        raise OSError(f"a test asks the network for {name}")


if "SGN_REACHED" in os.environ:
    sys.addaudithook(refuse)
