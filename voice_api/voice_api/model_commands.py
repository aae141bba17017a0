"""voice-api model: add, compile, check or list speech models."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from voice_api.command_settings import add_settings, chosen_settings, kept_in

PRECISIONS = ("int8", "int4", "fp32")


def add_model_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="compile a folder, check it, and keep it under a name")
    add.add_argument("folder", type=Path, metavar="FOLDER")
    add.add_argument("--name", help="its name; without it, the folder's")
    add.add_argument("--as-is", action="store_true", help="keep a copy of the folder as it is published")
    compiling = commands.add_parser("compile", help="make a published folder small and fast")
    compiling.add_argument("model_to_compile", metavar="NAME_OR_FOLDER")
    compiling.add_argument("--output", type=Path, metavar="DIR", help="a new folder; else where serve looks")
    compiling.add_argument("--if-needed", action="store_true", help="do nothing where it is compiled already")
    for command in (add, compiling):
        command.add_argument("--precision", choices=PRECISIONS, default="int8", help="of the weights (int8)")
        command.add_argument("--language", metavar="CODE", help="keep only the words of this language")
    check = commands.add_parser("check", help="load a model and let it listen")
    check.add_argument("model_to_check", metavar="NAME_OR_FOLDER")
    listing = commands.add_parser("list", help="the models that can be used by name")
    acts = ((add, _add), (compiling, _compile), (check, _check), (listing, _list))
    for command, act in acts:
        add_settings(command, only=("models_folder", "threads"))
        command.set_defaults(act=act)


def _add(parsed: argparse.Namespace) -> None:
    models_folder = kept_in(chosen_settings(parsed))
    from voice_api.adding import add_model  # noqa: PLC0415

    kept = add_model(parsed.folder, parsed.name, models_folder, make=_make(parsed))
    sys.stdout.write(f"{kept.name}\t{kept.folder}\n")
    sys.stderr.write(f"next: voice-api serve --model {kept.name}\n")


def _make(parsed: argparse.Namespace) -> Callable[[Path, Path], None] | None:
    """What writes the folder that is kept; None to copy it. The compiler is loaded only where it is used."""
    if parsed.as_is:
        return None
    from voice_api.compiling import CompileWish, compile_to  # noqa: PLC0415

    return compile_to(CompileWish(parsed.precision, parsed.language), _say)


def _compile(parsed: argparse.Namespace) -> None:
    models_folder = kept_in(chosen_settings(parsed))
    from voice_api.compiling import CompileWish, compile_model  # noqa: PLC0415
    from voice_api.model import model_folder  # noqa: PLC0415

    source = model_folder(parsed.model_to_compile, models_folder)
    wish = CompileWish(parsed.precision, parsed.language, parsed.if_needed)
    folder = compile_model(source, parsed.output, models_folder, wish, _say)
    sys.stdout.write(f"{folder}\n")
    served = parsed.output or parsed.model_to_compile
    sys.stderr.write(f"next: voice-api serve --model {served}\n")


def _check(parsed: argparse.Namespace) -> None:
    settings = chosen_settings(parsed)
    from voice_api.model import SENTENCE, check_model  # noqa: PLC0415

    checked = check_model(parsed.model_to_check, kept_in(settings), settings.threads)
    sys.stdout.write(f"{checked.name}\t{checked.folder}\n")
    sys.stdout.write(f"loaded in {checked.load_seconds:.2f} s, listened in {checked.listen_seconds:.2f} s\n")
    sys.stdout.write(f"said:  {SENTENCE}\nheard: {checked.heard}\n")


def _list(parsed: argparse.Namespace) -> None:
    models_folder = kept_in(chosen_settings(parsed))
    from voice_api.model import kept_models  # noqa: PLC0415

    for kept in kept_models(models_folder):
        state = f"compiled, {kept.precision}" if kept.precision else "as published"
        sys.stdout.write(f"{kept.name}\t{kept.size_bytes / 1e6:.1f} MB\t{state}\t{kept.folder}\n")


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
