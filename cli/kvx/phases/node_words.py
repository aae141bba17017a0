"""Labels and taints of Kubernetes nodes, held to the syntax of Kubernetes before a machine is made."""

import re

from kvx.errors import ExitCode, KvxError
from kvx.settings import PoolSettings

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels: syntax and character set.
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/"
_KEY = re.compile(f"({_PREFIX})?{_WORD}")
_VALUE = re.compile(f"({_WORD})?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def checked_labels(wish: PoolSettings) -> tuple[tuple[str, str], ...]:
    """The labels, KEY=VALUE, in the order of their keys; exit code 2 for one that no node could have."""
    labels: dict[str, str] = {}
    for label in wish.labels:
        key, equals, value = label.partition("=")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            message = f"the pool {wish.name} has the label {label!r}, which no Kubernetes node can have"
            raise KvxError(message, "write it as KEY=VALUE, such as tier=edge", ExitCode.USAGE)
        if _is_kubelets(key):
            message = f"the pool {wish.name} has the label {key}, and no node starts with it"
            fix = "take another prefix; of Kubernetes' own a node may only have node.kubernetes.io/"
            raise KvxError(message, fix, ExitCode.USAGE)
        if key in labels:
            message = f"the pool {wish.name} has the label {key} twice"
            raise KvxError(message, f"leave one of them: {key}={labels[key]} or {label}", ExitCode.USAGE)
        labels[key] = value
    return tuple(sorted(labels.items()))


def checked_taints(wish: PoolSettings) -> tuple[str, ...]:
    """The taints as given, KEY[=VALUE]:EFFECT; exit code 2 for one that no node could have."""
    for taint in wish.taints:
        words, _, effect = taint.rpartition(":")
        key, _, value = words.partition("=")
        if effect not in _EFFECTS or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            message = f"the pool {wish.name} has the taint {taint!r}, which no Kubernetes node can have"
            fix = f"write it as KEY=VALUE:EFFECT; the effect is one of {', '.join(_EFFECTS)}"
            raise KvxError(message, fix, ExitCode.USAGE)
    return wish.taints


def _is_kubelets(key: str) -> bool:
    """Kubelet refuses to start with a label of Kubernetes' own that is not meant for nodes."""
    prefix = key.rpartition("/")[0]
    allowed = ("node.kubernetes.io", "kubelet.kubernetes.io")
    ours = any(prefix == each or prefix.endswith(f".{each}") for each in allowed)
    return not ours and any(
        prefix == each or prefix.endswith(f".{each}") for each in ("kubernetes.io", "k8s.io")
    )
