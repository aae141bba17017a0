"""Whether the service in this container hears: it speaks to itself. Ends with 1 where it does not."""

import json
import os
import sys
from urllib.request import Request, urlopen

SENTENCE = "how many pods are running"
SECONDS = 8
BOUNDARY = "kvx-health"


def main() -> None:
    """A sentence becomes sound and words again; any answer that has words will do, models differ."""
    try:
        words = heard(spoken(SENTENCE))
    except (OSError, ValueError) as error:
        sys.exit(f"unhealthy: {error}")
    if not words:
        sys.exit("unhealthy: nothing was heard")


def spoken(sentence: str) -> bytes:
    """The sentence as a wav file."""
    wish = {"model": "tts-1", "input": sentence, "voice": "alloy", "response_format": "wav"}
    return answer("/v1/audio/speech", "application/json", json.dumps(wish).encode())


def heard(sound: bytes) -> str:
    """What the service understands."""
    form = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="health.wav"\r\n\r\n'
    )
    body = form.encode() + sound + f"\r\n--{BOUNDARY}--\r\n".encode()
    told = answer("/v1/audio/transcriptions", f"multipart/form-data; boundary={BOUNDARY}", body)
    return str(json.loads(told)["text"]).strip()


def answer(path: str, content_type: str, body: bytes) -> bytes:
    """The body of the answer; OSError for any that is no success."""
    port = os.environ.get("KVX_VOICE_PORT", "8484")
    request = Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": content_type})
    with urlopen(request, timeout=SECONDS) as reply:
        return bytes(reply.read())


if __name__ == "__main__":
    main()
