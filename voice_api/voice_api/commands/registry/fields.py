"""What the type of an argument says, whether it is optional or not."""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Kind:
    """The plain type of an argument, the only values it may have (if there are such), and its marks."""

    plain: Any
    choices: tuple[str, ...]
    marks: tuple[Any, ...]


def kind_of(field: FieldInfo) -> Kind:
    return _kind(field.annotation, tuple(field.metadata))


def _kind(annotation: Any, marks: tuple[Any, ...]) -> Kind:
    if get_origin(annotation) in {Union, UnionType}:
        parts = [part for part in get_args(annotation) if part is not NoneType]
        return _kind(parts[0], marks) if len(parts) == 1 else Kind(annotation, (), marks)
    if get_origin(annotation) is Annotated:
        plain, *inner = get_args(annotation)
        return _kind(plain, (*marks, *inner))
    if get_origin(annotation) is Literal:
        return Kind(str, get_args(annotation), marks)
    return Kind(annotation, (), marks)
