"""Whether an extension fits: it only reads, brings all that it names, and touches nothing of others."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from voice_api.cluster.kinds import KINDS
from voice_api.commands.grammar import ENGLISH, OPERATIONS
from voice_api.commands.language.proposals import kinds_of
from voice_api.commands.level import Level
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.schema import lint, tool
from voice_api.extensions.extension import Extension, unfit

SECTIONS = frozenset({"intents", "lists", "expansion_rules"})
CLUSTER_KINDS = frozenset({*KINDS, "context"})


@dataclass(frozen=True, slots=True)
class Taken:
    """Names that belong to somebody: what an extension brings has others."""

    functions: Set[str]
    kinds: Set[str]
    rules: Set[str]
    lists: Set[str]


def taken_at_first() -> Taken:
    documents = [_document(path) for path in (ENGLISH, *OPERATIONS)]
    rules, lists = (
        {name for each in documents for name in each.get(section) or ()}
        for section in ("expansion_rules", "lists")
    )
    return Taken(frozenset(BUILT_IN), CLUSTER_KINDS, frozenset(rules), frozenset(lists))


def fitted(extension: Extension, taken: Taken) -> Taken:
    """What is taken with this one as well; VoiceApiError for the first thing that does not fit."""
    documents = [_own_document(extension, path) for path in extension.grammar]
    for why in _findings(extension, taken, documents):
        raise unfit(extension.name, why)
    rules, lists = (
        {name for each in documents for name in each.get(section) or ()}
        for section in ("expansion_rules", "lists")
    )
    return Taken(
        taken.functions | extension.functions.keys(),
        taken.kinds | extension.names.keys(),
        taken.rules | rules,
        taken.lists | lists,
    )


def _findings(extension: Extension, taken: Taken, documents: list[Mapping[str, Any]]) -> Iterator[str]:
    own = extension.functions.keys()
    yield from (f"there is a function {name} already" for name in sorted(own & taken.functions))
    yield from (
        f"there are names of the kind {kind} already" for kind in sorted(extension.names.keys() & taken.kinds)
    )
    yield from (f"{name} has no answer" for name in sorted(own - extension.answers.keys()))
    yield from (f"{name} is answered, and no function" for name in sorted(extension.answers.keys() - own))
    for function in extension.functions.values():
        if function.level is not Level.READ_ONLY:
            yield f"{function.name} is {function.level}; what an extension brings only reads"
        yield from lint(tool(function))
        yield from _kinds_found(extension, function.name)
    for document in documents:
        yield from _others_touched(document, own, taken)


def _kinds_found(extension: Extension, name: str) -> Iterator[str]:
    """Names of one argument are all the cluster's, or of one kind of the extension's own."""
    function = extension.functions[name]
    for argument in function.arguments.model_fields:
        kinds = set(kinds_of(function, argument))
        if kinds - CLUSTER_KINDS and not (len(kinds) == 1 and kinds <= extension.names.keys()):
            yield f"{name} names a {' or '.join(sorted(kinds))}, and nobody knows such names"


def _others_touched(document: Mapping[str, Any], own: Set[str], taken: Taken) -> Iterator[str]:
    yield from (
        f"its grammar has {each}, which is not its own" for each in sorted(document.keys() - SECTIONS)
    )
    intents, rules, lists = (
        set(document.get(section) or ()) for section in ("intents", "expansion_rules", "lists")
    )
    yield from (f"its grammar says what {each} means, which is not its own" for each in sorted(intents - own))
    yield from (f"its grammar changes the rule {each}" for each in sorted(rules & taken.rules))
    yield from (f"its grammar changes the list {each}" for each in sorted(lists & taken.lists))


def _own_document(extension: Extension, path: Path) -> Mapping[str, Any]:
    try:
        document = _document(path)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise unfit(extension.name, f"{path} cannot be read: {type(error).__name__}") from error
    sections = [document.get(section, {}) for section in SECTIONS] if isinstance(document, dict) else [None]
    if not all(isinstance(each, dict) for each in sections):
        raise unfit(extension.name, f"{path} is no grammar: it needs intents, lists and expansion_rules")
    return dict(document)


def _document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
