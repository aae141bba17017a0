"""The voice-api program: reads flags, does one thing, and ends with an exit code."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from voice_api.audit_commands import JournalBrokenError, add_audit_commands
from voice_api.bench.command import add_arguments as add_bench_arguments
from voice_api.command_settings import add_settings, chosen_settings, kept_in
from voice_api.core_dumps import keep_memory_out_of_core_dumps
from voice_api.errors import VoiceApiError
from voice_api.mcp_command import add_mcp_command
from voice_api.model_commands import add_model_commands
from voice_api.privacy.command import LeavesError
from voice_api.privacy.command import add_arguments as add_privacy_arguments
from voice_api.privacy.command import run as run_privacy
from voice_api.settings import PREFIX, SettingsError, surroundings
from voice_api.user_commands import add_user_commands

# Read by numpy's OpenBLAS when it loads: else it wakes a thread per core for the smallest product.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

DONE, FAILED, WRONG_USAGE, MISSING, INTERRUPTED = 0, 1, 2, 3, 130


class CheckFailedError(Exception):
    """A check found problems, and has printed them."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the program: ends the process with the exit code."""
    sys.exit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 problems found, 2 wrong settings, 3 missing or damaged, 130 interrupted."""
    parsed = _parser().parse_args(arguments)
    try:
        parsed.act(parsed)
    except CheckFailedError:
        return FAILED
    except VoiceApiError as error:
        sys.stderr.write(f"voice-api: {_one_line(error.message)}\nfix: {_one_line(error.fix)}\n")
        return _ends_with(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _ends_with(error: VoiceApiError) -> int:
    match error:
        case SettingsError():
            return WRONG_USAGE
        case JournalBrokenError() | LeavesError():
            return FAILED
        case _:
            return MISSING


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voice-api",
        description="Hears commands for a Kubernetes cluster, answers them, and speaks.",
        epilog=f"A setting can also stand in the file of --settings, or in the environment as {PREFIX}NAME.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer requests until SIGTERM")
    serve.add_argument("--fd", type=int, metavar="N", help="serve on this inherited, listening socket")
    serve.add_argument("--metrics-fd", type=int, metavar="N", help="serve the figures on this one")
    add_settings(serve)
    serve.set_defaults(act=_serve)
    process = commands.add_parser("process", help="hear long files for a voice API until SIGTERM")
    process.add_argument("--fd", type=int, metavar="N", help="serve on this inherited, listening socket")
    process.add_argument("--metrics-fd", type=int, metavar="N", help="serve the figures on this one")
    add_settings(process)
    process.set_defaults(act=_process)
    clean = commands.add_parser("clean", help="delete sounds that are no job's any more")
    clean.add_argument("--older-than-seconds", type=float, default=21_600, metavar="N", help="(6 hours)")
    add_settings(clean, only=("jobs_folder",))
    clean.set_defaults(act=_clean)
    add_model_commands(commands.add_parser("model", help="add, compile, check or list speech models"))
    add_user_commands(commands.add_parser("user", help="add, list or revoke who may say what"))
    add_audit_commands(commands.add_parser("audit", help="show, verify or count what was said and done"))
    privacy = commands.add_parser("privacy", help="tell and prove what leaves this machine")
    add_privacy_arguments(privacy)
    privacy.set_defaults(act=run_privacy)
    add_mcp_command(commands.add_parser("mcp", help="let an agent ask and, with a person's yes, change"))
    bench = commands.add_parser("bench", help="measure the models and engines there are on this machine")
    add_bench_arguments(bench)
    bench.set_defaults(act=_bench)
    check = commands.add_parser("grammar-check", help="look for mistakes in the grammar of the commands")
    check.add_argument("files", type=Path, nargs="*", metavar="FILE.yaml", help="added to the built-in one")
    check.add_argument("--extensions-folder", type=Path, metavar="FOLDER", help="with what these bring")
    check.add_argument("--operations", action="store_true", help="the grammar that knows changes as well")
    check.set_defaults(act=_grammar_check)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(act=_version)
    return parser


def _serve(parsed: argparse.Namespace) -> None:
    settings = chosen_settings(parsed)
    keep_memory_out_of_core_dumps()
    from voice_api.http.sockets import figures_socket, listening_socket  # noqa: PLC0415
    from voice_api.logs import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    listening = listening_socket(settings.host, settings.port, parsed.fd)
    figures = figures_socket(settings.metrics_host, settings.metrics_port, parsed.metrics_fd)
    # These take a second to import, for which a wrong setting or a port that is taken need not wait. The
    # model loads while what serves it is still imported.
    from voice_api.loading import begin_loading  # noqa: PLC0415

    loading = begin_loading(settings, kept_in(settings))
    from voice_api.run import serve_until_signal  # noqa: PLC0415

    finished = serve_until_signal(settings, surroundings(), listening, figures, loading)
    if not finished:
        os._exit(DONE)  # work that outlived the drain is in C code, and would hold the process


def _process(parsed: argparse.Namespace) -> None:
    settings = chosen_settings(parsed)
    keep_memory_out_of_core_dumps()
    from voice_api.http.sockets import figures_socket, listening_socket  # noqa: PLC0415
    from voice_api.logs import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    listening = listening_socket(settings.host, settings.port, parsed.fd)
    figures = figures_socket(settings.metrics_host, settings.metrics_port, parsed.metrics_fd)
    from voice_api.process import process_until_signal  # noqa: PLC0415

    finished = process_until_signal(settings, kept_in(settings), surroundings(), listening, figures)
    if not finished:
        os._exit(DONE)  # what is still heard is in C code, and waits in the queue again


def _bench(parsed: argparse.Namespace) -> None:
    from voice_api.bench.command import run as run_bench  # noqa: PLC0415

    run_bench(parsed)


def _clean(parsed: argparse.Namespace) -> None:
    settings = chosen_settings(parsed)
    from voice_api.jobs.cleaning import clean  # noqa: PLC0415

    folder = Path(settings.jobs_folder) if settings.jobs_folder else surroundings().jobs_folder
    cleaned = clean(folder, parsed.older_than_seconds, time.time())
    sys.stdout.write(json.dumps({"files": cleaned.files, "bytes": cleaned.bytes}) + "\n")


def _grammar_check(parsed: argparse.Namespace) -> None:
    from voice_api.commands.check import grammar_check  # noqa: PLC0415
    from voice_api.commands.grammar import ENGLISH, load_grammar  # noqa: PLC0415
    from voice_api.commands.language.check import operations_check  # noqa: PLC0415
    from voice_api.commands.registry.builtin import BUILT_IN  # noqa: PLC0415
    from voice_api.extensions.adding import every_extension  # noqa: PLC0415

    if parsed.operations or parsed.extensions_folder:
        more = every_extension(parsed.extensions_folder)
        problems = operations_check((*more.grammar, *parsed.files), {**BUILT_IN, **more.functions})
    else:
        problems = grammar_check(load_grammar((ENGLISH, *parsed.files)))
    for problem in problems:
        sys.stdout.write(f"{problem.kind}\t{problem.text}\n")
    if problems:
        raise CheckFailedError
    sys.stderr.write("the grammar is sound\n")


def _version(_: argparse.Namespace) -> None:
    from voice_api.version import VERSION  # noqa: PLC0415

    sys.stdout.write(f"{VERSION}\n")


if __name__ == "__main__":
    run()
