"""How every command ends: with an exit code, and where something went wrong with two lines."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer
from typer.exceptions import TyperException

from kvx.commands.typed import typed
from kvx.errors import ExitCode, KvxError, from_os_error


def end(app: typer.Typer, arguments: Sequence[str], names: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong ends in two lines."""
    try:
        code = app(args=list(arguments) or ["--help"], prog_name="kvx", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _leave_stdout(ExitCode.FAILED)  # whoever read the output has left, and wants no more words
    except Exception as error:  # the last one who can say anything
        from kvx.settings.load import debugging

        if debugging():
            raise
        return _tell(_expected(error), arguments, names)
    if code == ExitCode.INTERRUPTED:
        return _tell(KvxError("interrupted", "run the command again", ExitCode.INTERRUPTED), arguments, names)
    return int(code or 0)


def _expected(error: Exception) -> KvxError:
    """Any failure as one that can be told; a bug leaves its traceback in a file."""
    match error:
        case KvxError():
            return error
        case TyperException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "kvx"
            return KvxError(error.format_message(), f"{path} --help", ExitCode.USAGE)
        case typer.Abort():
            return KvxError("interrupted", "run the command again", ExitCode.INTERRUPTED)
        case OSError():
            return from_os_error(error)
    return KvxError(
        f"kvx met a bug: {type(error).__name__}: {error}", f"report it with {_traceback_file(error)}"
    )


def _traceback_file(error: Exception) -> str:
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="kvx-bug-", suffix=".txt", delete=False) as file:
            file.writelines(traceback.format_exception(error))
            return file.name
    except OSError:
        return "what KVX_DEBUG=1 shows"


def _tell(error: KvxError, arguments: Sequence[str], names: Sequence[str]) -> int:
    """Two lines on stderr; for programs an object on stdout too."""
    with suppress(OSError):
        print(f"{error.message}\nfix: {typed(error.fix)}", file=sys.stderr, flush=True)
    own = list(arguments)[: list(arguments).index("--")] if "--" in arguments else list(arguments)
    try:
        if "--json" in own:
            import json

            told = {"error": error.message, "fix": error.fix, "exit_code": int(error.exit_code)}
            print(json.dumps({"schema": f"kvx/{_command(own, names)}/v1", "event": "error", **told}))
        sys.stdout.flush()
    except OSError:
        return _leave_stdout(error.exit_code)
    return int(error.exit_code)


def _command(arguments: Sequence[str], names: Sequence[str]) -> str:
    return next((argument for argument in arguments if argument in names), "kvx")


def _leave_stdout(code: ExitCode) -> int:
    """Python flushes stdout when it ends, and would complain; what is left goes nowhere."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(code)
