"""Rules that reading itself and the ignoring of rules keep; their checks find nothing by themselves."""

from collections.abc import Iterator

from kvx.lint.objects import Manifests
from kvx.lint.rule import Found, Rule


def _kept_elsewhere(_: Manifests) -> Iterator[Found]:
    """Reading and ignoring tell of these."""
    return iter(())


_POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: app{}}}\nspec: {{hostPID: true}}\n".format
RULES = (
    Rule(
        "not-yaml",
        "Manifests are YAML.",
        "Nothing after that line is looked at, or applied.",
        "correct the line; kubectl apply --dry-run=client tells the same",
        "a: [b",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        _kept_elsewhere,
        "manifests",
    ),
    Rule(
        "not-an-object",
        "Each document is an object with apiVersion and kind.",
        "kubectl refuses it.",
        "begin it with apiVersion and kind",
        "- a\n- b",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        _kept_elsewhere,
        "manifests",
    ),
    Rule(
        "duplicate-key",
        "A key stands once in its mapping.",
        "The last one wins without a word, and what the first said is not in force.",
        "remove one of them",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        _kept_elsewhere,
        "manifests",
    ),
    Rule(
        "ignored-without-reason",
        "Who has a rule ignored says why, and for a rule that there is.",
        "The next reader can neither trust nor remove it.",
        "metadata: {annotations: {lint.kvx/RULE: the reason}}",
        _POD(", annotations: {lint.kvx/host-namespaces: ''}"),
        _POD(", annotations: {lint.kvx/host-namespaces: it measures the processes of its node}"),
        _kept_elsewhere,
        "manifests",
    ),
    Rule(
        "ignored-in-vain",
        "What is ignored is there.",
        "The exception outlives its reason, and covers the next mistake.",
        "remove the annotation",
        _POD(", annotations: {lint.kvx/host-port: it needs the port}"),
        _POD(", annotations: {lint.kvx/host-namespaces: it measures the processes of its node}"),
        _kept_elsewhere,
        "manifests",
    ),
)
