"""The protocol on two pipes: a message on each line."""

import json
from typing import BinaryIO

from voice_api.mcp.messages import MOST_BYTES
from voice_api.mcp.session import Session


def talk(session: Session, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Until the client closes its end."""
    while line := incoming.readline(MOST_BYTES + 1):
        if len(line) > MOST_BYTES and not line.endswith(b"\n"):
            _leave_out(incoming)
        if not line.strip():
            continue
        replies = session.heard(line)
        outgoing.writelines(json.dumps(each, allow_nan=False).encode() + b"\n" for each in replies)
        outgoing.flush()


def _leave_out(incoming: BinaryIO) -> None:
    """The rest of a line that is too long."""
    while (rest := incoming.readline(MOST_BYTES)) and not rest.endswith(b"\n"):
        pass
