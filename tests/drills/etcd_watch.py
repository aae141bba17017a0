"""Asks one server's etcd all the while, from inside its network: is it up, does it agree with the others?"""

import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

ADDRESS = ("127.0.0.1", 2381)
HEALTH = "http://127.0.0.1:2381/health"
PAUSE_SECONDS = 0.2
# An election takes seconds; who waits that long for an answer has none.
PATIENCE_SECONDS = 15


def _say(what: str, value: bool, since: float) -> None:
    """`since` is when it was asked: what is true then holds from the answer on."""
    line = json.dumps({"what": what, "value": value, "asked": since, "answered": time.time()})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _is_up() -> bool:
    """False only where nobody listens: a machine that is merely slow is up."""
    try:
        with socket.create_connection(ADDRESS, timeout=PATIENCE_SECONDS):
            return True
    except ConnectionRefusedError:
        return False
    except TimeoutError:
        return True


def _agrees() -> bool:
    """A read that needs the majority."""
    try:
        with urllib.request.urlopen(HEALTH, timeout=PATIENCE_SECONDS) as answer:
            return bool(json.load(answer)["health"] == "true")
    except (OSError, ValueError):
        return False


def _ask_for_ever(what: str, ask) -> None:  # type: ignore[no-untyped-def]
    while True:
        since = time.time()
        _say(what, ask(), since)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    threading.Thread(target=_ask_for_ever, args=("agrees", _agrees), daemon=True).start()
    _ask_for_ever("up", _is_up)
