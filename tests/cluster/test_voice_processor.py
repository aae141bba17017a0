"""The voice processor on a real node: a long file is heard later; sounds of no job are cleaned."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_kvx import Person
from typing_volumes import volume_for

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(900)]

SECONDS = 120
SERVICE = "http://voice-api.kvx.svc.cluster.local"
LATER = """
import json, sys, time
from urllib.request import Request, urlopen
address, sentence = sys.argv[1:]
def ask(path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urlopen(Request(address + path, body, named), timeout=50) as answer:
        return answer.status, dict(answer.headers), answer.read()
wish = {"model": "espeak-ng", "input": sentence, "voice": "en-gb", "response_format": "wav"}
_, _, sound = ask("/v1/audio/speech", json.dumps(wish).encode(), content_type="application/json")
line = "--kvx\\r\\nContent-Disposition: form-data; name="
body = (line + '"model"\\r\\n\\r\\nembedded\\r\\n' + line).encode()
body += b'"file"; filename="a.wav"\\r\\nContent-Type: audio/wav\\r\\n\\r\\n' + sound + b"\\r\\n--kvx--\\r\\n"
kind = "multipart/form-data; boundary=kvx"
status, headers, _ = ask("/v1/audio/transcriptions", body, content_type=kind, prefer="respond-async")
place = {name.lower(): value for name, value in headers.items()}["location"]
for _ in range(120):
    job = json.loads(ask(place)[2])
    if job["status"] in ("completed", "failed"):
        break
    time.sleep(0.5)
print(json.dumps({"status": status, "job": job, "text": json.loads(ask(place + "/result")[2])["text"]}))
"""


@pytest.fixture(scope="module")
def jobs(node: Any) -> Iterator[Path]:
    with volume_for(node, "voice-processor-jobs", "10Gi") as folder:
        yield folder


@pytest.fixture(scope="module")
def person(
    emptied: Callable[[], Any],
    jobs: Path,
    voice_api_image: str,
    voice_processor_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Person]:
    """The component persistence is deployed, which brings the processor."""
    node = emptied()
    folder = tmp_path_factory.mktemp("processor")
    somebody = Person(node, folder, voice_api_image, voice_processor=voice_processor_image)
    somebody.sets('components = ["persistence"]\ndeadline_seconds = 240\n')
    assert somebody.deploys()["changed"] is True
    yield somebody
    somebody.types("cleanup", "--yes")
    emptied()


def processor(node: Any) -> dict[str, Any]:
    told = ("-n", "kvx", "get", "pods", "-l", "app.kubernetes.io/name=voice-processor", "-o", "json")
    (pod,) = json.loads(node.kubectl(*told))["items"]
    return dict(pod)


def test_the_processor_runs_by_the_digest_of_its_own_image(
    person: Person, voice_processor_image: str
) -> None:
    container = processor(person.node)["spec"]["containers"][0]
    assert container["image"] == voice_processor_image
    assert "args" not in container


def test_a_file_is_heard_later_by_the_processor_and_nothing_of_its_sound_is_left(
    person: Person, asking: Any, jobs: Path
) -> None:
    program = (LATER, SERVICE, "how many nodes are there")
    told = json.loads(asking.run(person.node, asking.client, *program, seconds=200))
    assert told["status"] == 202
    assert told["job"]["status"] == "completed"
    assert told["text"].strip(" .?").lower() == "how many nodes are there"
    assert list((jobs / "sounds").iterdir()) == []


def test_nobody_reaches_the_processor_but_the_voice_api(person: Person, asking: Any) -> None:
    host = processor(person.node)["status"]["podIP"]
    for who in (asking.client, asking.stranger):
        assert asking.knock(person.node, who, host, 8484) == "TimeoutError"


def test_the_job_that_cleans_deletes_what_was_left_behind_for_six_hours(person: Person, jobs: Path) -> None:
    old = jobs / "sounds" / "job_left_behind"
    old.write_bytes(b"12345")
    long_ago = time.time() - 7 * 3600
    os.utime(old, (long_ago, long_ago))
    node = person.node
    node.kubectl("-n", "kvx", "create", "job", "cleaning", "--from=cronjob/voice-processor-cleaning")
    wait = ("wait", "--for=condition=complete", f"--timeout={SECONDS}s", "job/cleaning")
    node.kubectl("-n", "kvx", *wait, seconds=SECONDS + 10)
    assert json.loads(node.kubectl("-n", "kvx", "logs", "job/cleaning")) == {"files": 1, "bytes": 5}
    assert not old.exists()
