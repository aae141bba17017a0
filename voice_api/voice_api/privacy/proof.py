"""The proof: the service as it is set, without a network, hears a spoken question and answers it."""

import asyncio
import json
import os
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from voice_api.errors import VoiceApiError
from voice_api.privacy.alone import Attempt, Attempts, leave_network, sent_bytes
from voice_api.privacy.ways import Way
from voice_api.settings import Settings, Surroundings

if TYPE_CHECKING:
    from voice_api.http.service import Service

SENTENCE = "how many pods are running"
DEMO = "none"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a spoken question came to where nothing could leave; `why` is empty unless that was impossible.

    attempts    what was tried to be reached
    sent_bytes  on every network that the process had
    """

    heard: str = ""
    replied: str = ""
    engine: str = ""
    attempts: tuple[Attempt, ...] = ()
    sent_bytes: int = 0
    why: str = ""


def proven(settings: Settings, around: Surroundings, models: Path) -> Proof:
    """In a process of its own, which leaves the network before it does anything else.

    For a process of one thread.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "w", encoding="utf-8") as file:
                json.dump(asdict(_without_network(settings, around, models)), file)
        except BaseException:  # noqa: BLE001  a bug: told here, as the parent's code shall not go on in the child
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        told = file.read()
    os.waitpid(child, 0)
    if not told:
        return Proof(why="the process without a network died")
    content = json.loads(told)
    return Proof(**{**content, "attempts": tuple(Attempt(**each) for each in content["attempts"])})


def unexpected(attempts: Sequence[Attempt], ways: Sequence[Way]) -> tuple[Attempt, ...]:
    """Attempts that no open way explains; this machine's own addresses are no way out."""
    known = {way.host for way in ways if way.open}
    return tuple(each for each in attempts if each.host not in known and not _own(each.host))


def _own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_network(settings: Settings, around: Surroundings, models: Path) -> Proof:
    if not leave_network():
        return Proof(why="this machine's kernel gives no process a network of its own")
    attempts = Attempts()
    with tempfile.TemporaryDirectory(prefix="kvx-privacy-") as folder:
        try:
            heard, replied, engine = asyncio.run(_asked(_probe(settings, Path(folder)), around, models))
        except VoiceApiError as error:
            return Proof(attempts=attempts.seen, why=error.message)
    networks = sent_bytes(Path("/proc/self/net/dev").read_text(encoding="ascii"))
    return Proof(heard, replied, engine, attempts.seen, sum(networks.values()))


def _probe(settings: Settings, folder: Path) -> Settings:
    """The same, with files of its own: neither journal nor ledger shall tell of a question nobody asked."""
    return replace(
        settings,
        journal_folder=str(folder / "journal"),
        checkpoint_file="",
        ledger_file=str(folder / "usage.sqlite"),
        ledger_address_file="",
    )


async def _asked(settings: Settings, around: Surroundings, models: Path) -> tuple[str, str, str]:
    """What was heard, what was replied, and who heard it: a sentence spoken, heard, answered, and spoken."""
    # All of this takes a second to import, and shall begin without a network as well.
    from voice_api.audio.encoding import encode_whole  # noqa: PLC0415
    from voice_api.http.wishes import wished  # noqa: PLC0415

    service = await asyncio.to_thread(_assembled, settings, around, models)
    try:
        speaker = service.engines.speaker
        question = encode_whole(speaker.speak(SENTENCE, None, 1.0), speaker.sample_rate, "wav")
        options = service.with_live_names(service.command_options(None))
        heard = await service.listening.file(question, options, wished=wished(service.elsewhere, {}))
        reply = await service.act(heard.transcript.text)
        await service.speak(lambda _: list(speaker.speak(reply.reply, None, 1.0)), reply.reply)
        return heard.transcript.text, reply.reply, heard.answered.engine
    finally:
        service.close()


def _assembled(settings: Settings, around: Surroundings, models: Path) -> "Service":
    """With the demo cluster where a login to the real one needs the network."""
    from voice_api.assemble import assemble  # noqa: PLC0415
    from voice_api.loading import begin_loading  # noqa: PLC0415

    try:
        return assemble(settings, around, begin_loading(settings, models))
    except VoiceApiError:
        if settings.kubeconfig == DEMO:
            raise
        return _assembled(replace(settings, kubeconfig=DEMO), around, models)
