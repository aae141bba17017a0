"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kvx.lint.node import Node, Path
from kvx.lint.objects import Container, Manifests, Object, Pod

Scope = Literal["container", "pod", "deployment", "manifests"]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One breach: where, what is wrong there, and what to write instead where that is not the rule's own."""

    object: Object
    path: Path
    message: str
    fix: str = ""


Check = Callable[[Manifests], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold.

    says    what holds, in one sentence
    why     what happens otherwise
    fix     what to write
    wrong   an example that breaks it, and `right`, which does not: YAML that belongs where `scope` says,
            in a container, a pod's spec, a Deployment, or whole manifests
    same_as what others call it
    """

    id: str
    says: str
    why: str
    fix: str
    wrong: str
    right: str
    check: Check
    scope: Scope = "container"
    same_as: tuple[str, ...] = ()


def each_container(found: Callable[[Container], Iterable[tuple[Node, str]]]) -> Check:
    """A check of containers one by one: `found` gives the places and what is wrong there."""

    def check(manifests: Manifests) -> Iterator[Found]:
        for container in manifests.containers:
            for node, message in found(container):
                yield Found(container.pod.object, node.path, message)

    return check


def each_pod(found: Callable[[Pod], Iterable[tuple[Node, str]]]) -> Check:
    """The same for pods."""

    def check(manifests: Manifests) -> Iterator[Found]:
        for pod in manifests.pods:
            for node, message in found(pod):
                yield Found(pod.object, node.path, message)

    return check


def each_object(*kinds: str) -> Callable[[Callable[[Object, Manifests], Iterable[tuple[Node, str]]]], Check]:
    """The same for objects of these kinds, with all manifests beside them."""

    def with_finder(found: Callable[[Object, Manifests], Iterable[tuple[Node, str]]]) -> Check:
        def check(manifests: Manifests) -> Iterator[Found]:
            for each in manifests.of(*kinds):
                for node, message in found(each, manifests):
                    yield Found(each, node.path, message)

        return check

    return with_finder


def each_alone(*kinds: str) -> Callable[[Callable[[Object], Iterable[tuple[Node, str]]]], Check]:
    """The same for objects of these kinds that can be judged by themselves."""

    def with_finder(found: Callable[[Object], Iterable[tuple[Node, str]]]) -> Check:
        return each_object(*kinds)(lambda item, _: found(item))

    return with_finder
