"""The voice-api program: reads flags, does one thing, and ends with an exit code."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from voice_api.errors import VoiceApiError
from voice_api.settings import PREFIX, Settings, SettingsError, load_settings, surroundings

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
        return WRONG_USAGE if isinstance(error, SettingsError) else MISSING
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


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
    _add_settings(serve)
    serve.set_defaults(act=_serve)
    _add_model_commands(commands.add_parser("model", help="add, check or list speech models"))
    check = commands.add_parser("grammar-check", help="look for mistakes in the grammar of the commands")
    check.add_argument("files", type=Path, nargs="*", metavar="FILE.yaml", help="added to the built-in one")
    check.set_defaults(act=_grammar_check)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(act=_version)
    return parser


def _add_model_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="check a folder and keep a copy of it under a name")
    add.add_argument("folder", type=Path, metavar="FOLDER")
    add.add_argument("--name", help="its name; without it, the folder's")
    check = commands.add_parser("check", help="load a model and let it listen")
    check.add_argument("model_to_check", metavar="NAME_OR_FOLDER")
    listing = commands.add_parser("list", help="the models that can be used by name")
    for command, act in ((add, _model_add), (check, _model_check), (listing, _model_list)):
        _add_settings(command, only=("models_folder", "threads"))
        command.set_defaults(act=act)


def _add_settings(parser: argparse.ArgumentParser, only: tuple[str, ...] = ()) -> None:
    parser.add_argument("--settings", type=Path, metavar="FILE.toml", help="file with settings")
    for item in fields(Settings):
        if only and item.name not in only:
            continue
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=f"{item.metadata['help']} ({item.default!r})".replace("%", "%%"),
        )


def _settings(parsed: argparse.Namespace) -> Settings:
    names = {item.name for item in fields(Settings)}
    flags: Mapping[str, str] = {name: value for name, value in vars(parsed).items() if name in names}
    return load_settings(parsed.settings, flags)


def _models_folder(settings: Settings) -> Path:
    return Path(settings.models_folder) if settings.models_folder else surroundings().models_folder


def _serve(parsed: argparse.Namespace) -> None:
    settings = _settings(parsed)
    from voice_api.http.sockets import figures_socket, listening_socket  # noqa: PLC0415
    from voice_api.logs import configure_logs  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    listening = listening_socket(settings.host, settings.port, parsed.fd)
    figures = figures_socket(settings.metrics_host, settings.metrics_port, parsed.metrics_fd)
    # This takes a second to import, for which a wrong setting or a port that is taken need not wait.
    from voice_api.run import serve_until_signal  # noqa: PLC0415

    finished = serve_until_signal(settings, surroundings(), listening, figures)
    if not finished:
        os._exit(DONE)  # work that outlived the drain is in C code, and would hold the process


def _model_add(parsed: argparse.Namespace) -> None:
    settings = _settings(parsed)
    from voice_api.model import add_model  # noqa: PLC0415

    kept = add_model(parsed.folder, parsed.name, _models_folder(settings))
    sys.stdout.write(f"{kept.name}\t{kept.folder}\n")
    sys.stderr.write(f"next: voice-api serve --model {kept.name}\n")


def _model_check(parsed: argparse.Namespace) -> None:
    settings = _settings(parsed)
    from voice_api.model import SENTENCE, check_model  # noqa: PLC0415

    checked = check_model(parsed.model_to_check, _models_folder(settings), settings.threads)
    sys.stdout.write(f"{checked.name}\t{checked.folder}\n")
    sys.stdout.write(f"loaded in {checked.load_seconds:.2f} s, listened in {checked.listen_seconds:.2f} s\n")
    sys.stdout.write(f"said:  {SENTENCE}\nheard: {checked.heard}\n")


def _model_list(parsed: argparse.Namespace) -> None:
    settings = _settings(parsed)
    from voice_api.model import kept_models  # noqa: PLC0415

    for kept in kept_models(_models_folder(settings)):
        sys.stdout.write(f"{kept.name}\t{kept.size_bytes / 1e6:.1f} MB\t{kept.folder}\n")


def _grammar_check(parsed: argparse.Namespace) -> None:
    from voice_api.commands.check import grammar_check  # noqa: PLC0415
    from voice_api.commands.grammar import ENGLISH, load_grammar  # noqa: PLC0415

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
