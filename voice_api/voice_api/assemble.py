"""Puts a service together: the model that listens, the voice that speaks, the cluster that is asked."""

import asyncio
import logging
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from voice_api.cluster.protocol import Cluster
from voice_api.commanding import chosen_cluster, commanding
from voice_api.commands.vocabulary import Vocabulary
from voice_api.engines.elsewhere import Elsewhere, elsewhere, nothing_elsewhere, only_counted
from voice_api.engines.file import read_engines
from voice_api.errors import VoiceApiError
from voice_api.http.engines import Engines
from voice_api.http.health import chosen_threads
from voice_api.http.service import Service, open_service
from voice_api.loading import Loaded
from voice_api.settings import Settings, SettingsError, Surroundings
from voice_api.speech.processor import processor
from voice_api.speech.protocol import Speaker
from voice_api.speech.speakers.cache import CachedSpeaker
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.spoken_budget import knowing_budgets
from voice_api.thinking import thinks
from voice_api.usage.opened_later import OpenedLater
from voice_api.version import VERSION

if TYPE_CHECKING:
    from voice_api.usage.store import SqlStore

log = logging.getLogger("voice_api.assemble")


def assemble(settings: Settings, around: Surroundings, loading: "Future[Loaded]") -> Service:
    """A service that has listened once; VoiceApiError for everything that keeps it from working."""
    speaker = _speaker(settings.voice)
    cluster = chosen_cluster(settings, around)
    listener, model = loading.result()
    names = Vocabulary(cluster)
    if settings.live_names:
        names.likely()  # begins to ask, so that the first caller has them
    far = engines_elsewhere(settings, around)
    thinking = thinks(settings)
    commands = commanding(
        settings, around, cluster, lambda parts: knowing_budgets(thinking.with_model(parts), far)
    )
    acting = commands.acts
    engines = Engines(listener, speaker, commands.core, cluster.description, names, model, acting.users)
    service = open_service(settings, engines, far, (commands.close, thinking.close))
    thinking.count_in(service.figures)
    thinking.begin()
    if acting.audit is not None:
        acting.audit.tell(lambda event: service.figures.security_events.labels(event).inc())
    prove(service)
    _tell_figures(service)
    _tell(service, cluster)
    return service


def engines_elsewhere(settings: Settings, around: Surroundings) -> Elsewhere:
    """What the engines file says, with its ledger; SettingsError where it cannot be so."""
    store = OpenedLater(lambda: _ledger_store(settings, around))
    if not settings.engines_file:
        named = settings.ledger_file or settings.ledger_address_file
        return only_counted(store) if named else nothing_elsewhere()
    folder = Path(settings.engine_keys_folder) if settings.engine_keys_folder else None
    try:
        file = read_engines(Path(settings.engines_file))
        return elsewhere(file, store, folder, around.variable, local_only=settings.local_only)
    except VoiceApiError as error:
        raise SettingsError(error.message, error.fix) from None


def _ledger_store(settings: Settings, around: Surroundings) -> "SqlStore":
    """PostgreSQL where a file has its address, which may hold a password; else a file of this machine."""
    # It takes long to import, and most services have no ledger.
    from voice_api.usage.store import SqlStore, shared_engine, sqlite_engine  # noqa: PLC0415

    if not settings.ledger_address_file:
        return SqlStore(
            sqlite_engine(Path(settings.ledger_file) if settings.ledger_file else around.ledger_file)
        )
    return SqlStore(shared_engine(Path(settings.ledger_address_file)))


def prove(service: Service) -> None:
    """Let the service listen to a sentence of its own; VoiceApiError when it cannot."""
    name = service.engines.listener.name
    fix = "try `voice-api model check FOLDER`, or start with --model embedded"
    try:
        asyncio.run(service.prove())
    except VoiceApiError:
        raise
    except Exception as error:
        message = f"the model {name} failed on its first sound ({type(error).__name__})"
        raise VoiceApiError("model_failed", message, fix, 500) from error
    if service.readiness.obstacle == "no_decode_yet":
        raise VoiceApiError("model_failed", f"the model {name} did not listen to its first sound", fix, 500)


def _tell_figures(service: Service) -> None:
    engines, about, threads = service.engines, processor(), chosen_threads(service.settings.threads)
    service.figures.model_info.labels(VERSION, engines.listener.name, engines.speaker.name).set(1)
    service.figures.processor_info.labels(
        machine=about.machine,
        features=" ".join(about.features),
        kernels=f"int8: {about.int8_kernel}; half: {about.half_kernel}",
        threads=threads.count,
        threads_from=threads.source,
        precision=engines.model.precision,
        attention=engines.model.attention or "",
    ).set(1)


def _speaker(voice: str) -> Speaker:
    speaker = CachedSpeaker(EspeakSpeaker())
    try:
        speaker.speak("", voice or None, 1.0)
    except VoiceApiError as error:
        raise SettingsError(f"voice is {voice!r}: {error.message}", error.fix) from None
    return speaker


def _tell(service: Service, cluster: Cluster) -> None:
    engines, about = service.engines, cluster.description
    parts = {"listener": engines.listener.name, "speaker": engines.speaker.name}
    log.info("loaded", extra={**parts, "cluster": about.name, "demo": about.demo})
