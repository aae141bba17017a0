"""An extension out of process: a file of its user's says what it may be asked, and how it is started."""

import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import (
    EVERYWHERE,
    Arguments,
    Confirmation,
    Function,
    from_role,
)
from voice_api.commands.registry.kinds import LiveName
from voice_api.extensions.child import Child, Program
from voice_api.extensions.extension import Extension, unfit
from voice_api.extensions.told import answer_by, names_by

FILE = "extension.yaml"
NAME = r"\A[a-z][a-z_]{0,40}\z"
OBJECT = Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,252}\z")
SEARCHED = "/usr/local/bin:/usr/bin:/bin"


class _Says(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Name(_Says):
    """The name of something of a kind that the extension can list."""

    type: Literal["name"]
    of: Annotated[str, Field(pattern=NAME)]
    required: bool = True
    says: str = ""


class _Number(_Says):
    type: Literal["number"]
    least: int
    most: int
    required: bool = False
    says: str = ""


class _Choice(_Says):
    type: Literal["choice"]
    of: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    required: bool = False
    says: str = ""


class _Function(_Says):
    purpose: str
    least_role: Literal["viewer", "operator", "admin"] = "operator"
    arguments: Mapping[Annotated[str, Field(pattern=NAME)], _Name | _Number | _Choice] = {}


class _Manifest(_Says):
    """`names` are kinds, of which the program can list what there is."""

    extension: Annotated[str, Field(pattern=NAME)]
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: Mapping[str, str] = {}
    deadline_seconds: Annotated[float, Field(gt=0, le=10)] = 2.0
    names: tuple[Annotated[str, Field(pattern=NAME)], ...] = ()
    functions: Mapping[Annotated[str, Field(pattern=NAME)], _Function]
    grammar: str = "grammar.yaml"


def in_folder(folder: Path) -> tuple[Extension, ...]:
    """Those whose folders lie in `folder`; VoiceApiError for one that cannot be used."""
    if not folder.is_dir():
        raise unfit(str(folder), "there is no such folder", "Make it, or leave extensions_folder out")
    return tuple(read_manifest(file) for file in sorted(folder.glob(f"*/{FILE}")))


def read_manifest(file: Path) -> Extension:
    """The program is started when it is first asked."""
    says = _read(file)
    program = Program(
        says.extension,
        _command(says, file),
        file.parent,
        {"PATH": SEARCHED, **says.environment},
        says.deadline_seconds,
    )
    child = Child(program)
    functions = {name: _function(name, each) for name, each in says.functions.items()}
    return Extension(
        says.extension,
        functions,
        {name: answer_by(says.extension, child.ask) for name in functions},
        (file.parent / says.grammar,),
        _names(says, child.ask),
        child.close,
    )


def _read(file: Path) -> _Manifest:
    try:
        return _Manifest.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise unfit(str(file), f"it cannot be read: {type(error).__name__}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise unfit(str(file), f"{where}: {first['msg']}"[:300]) from None


def _command(says: _Manifest, file: Path) -> tuple[str, ...]:
    """`python` is the one that the service runs in; anything else is a program of the system."""
    first, *rest = says.command
    found = sys.executable if first == "python" else shutil.which(first, path=SEARCHED)
    if found is None:
        raise unfit(says.extension, f"{file} wants {first}, and there is no such program in {SEARCHED}")
    return (found, *rest)


def _names(
    says: _Manifest, ask: Callable[[str, Mapping[str, object]], Any]
) -> Mapping[str, Callable[[], tuple[str, ...]]]:
    return {kind: partial(names_by, says.extension, ask, kind) for kind in says.names}


def _function(name: str, says: _Function) -> Function:
    fields: dict[str, Any] = {argument: _field(each) for argument, each in says.arguments.items()}
    arguments = create_model(name, __base__=Arguments, **fields)
    return Function(
        name,
        says.purpose,
        arguments,
        Level.READ_ONLY,
        from_role(says.least_role),
        EVERYWHERE,
        Confirmation.NONE,
        "{outcome}",
    )


def _field(says: _Name | _Number | _Choice) -> tuple[Any, Any]:
    kind: Any
    match says:
        case _Name(of=of):
            kind = Annotated[str, OBJECT, LiveName((of,))]
        case _Number(least=least, most=most):
            kind = Annotated[int, Field(ge=least, le=most)]
        case _Choice(of=of):
            kind = Literal[of]
    wanted = (
        Field(description=says.says or None) if says.required else Field(None, description=says.says or None)
    )
    return (kind if says.required else kind | None), wanted
