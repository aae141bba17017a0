"""Whatever the text is, linting ends with a report: no input makes it crash or grow without end."""

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.lint.linting import Report, lint
from kvx.lint.reading import read
from kvx.lint.rules import RULES

KINDS = (
    *("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress", "Namespace"),
    *("HorizontalPodAutoscaler", "VerticalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Unknown"),
    *("ResourceQuota", "LimitRange", "Role", "ClusterRole", "RoleBinding", "ServiceAccount", "ConfigMap"),
    *("Secret", "PersistentVolumeClaim", "PriorityClass", "List", "CustomResourceDefinition"),
)
# The keys that rules look under, so that they are found with values that nobody expects there.
KEYS = (
    *(
        "metadata",
        "name",
        "namespace",
        "labels",
        "annotations",
        "spec",
        "template",
        "selector",
        "matchLabels",
    ),
    *("matchExpressions", "operator", "key", "values", "containers", "initContainers", "volumes", "env"),
    *("envFrom", "ports", "port", "targetPort", "containerPort", "resources", "limits", "requests", "cpu"),
    *("memory", "securityContext", "replicas", "strategy", "rollingUpdate", "maxSurge", "maxUnavailable"),
    *("minAvailable", "hard", "limits.cpu", "pods", "rules", "verbs", "resources", "subjects", "roleRef"),
    *("ingress", "egress", "from", "to", "ipBlock", "cidr", "except", "podSelector", "namespaceSelector"),
    *("scaleTargetRef", "targetRef", "kind", "metrics", "resource", "minReplicas", "maxReplicas", "items"),
    *("livenessProbe", "readinessProbe", "httpGet", "lifecycle", "preStop", "sleep", "seconds", "type"),
    *("emptyDir", "sizeLimit", "projected", "sources", "data", "image", "jobTemplate", "schedule", "default"),
    *("max", "min", "policyTypes", "containerPolicies", "resourcePolicy", "controlledResources", "mode"),
    *(
        "topologySpreadConstraints",
        "labelSelector",
        "affinity",
        "podAntiAffinity",
        "apiVersion",
        "tls",
        "hosts",
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**40, max_value=10**41),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=12),
    st.sampled_from(
        ("1", "500m", "1Gi", "-1", "1e99", "100%", "0.0.0.0/0", "::/0", "10/8", "*", "25%", "In")
    ),
    st.sampled_from(KINDS),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=30,
)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Something like an object of a kind that rules know, with anything below the keys they read."""
    body = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
    spec = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
    box = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
    pod = draw(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)) | {"containers": [box]}
    where = draw(st.sampled_from(("template", "pod", "")))
    if where == "template":
        spec |= {"template": {"metadata": draw(VALUES), "spec": pod}}
    elif where == "pod":
        spec |= pod
    names = st.sampled_from(("a", "b"))
    metadata = {"name": draw(names), "namespace": draw(names), "labels": {"app": draw(names)}}
    versions = st.sampled_from(("v1", "apps/v1", "autoscaling/v2", "policy/v1", "x"))
    head = {"apiVersion": draw(versions), "kind": draw(st.sampled_from(KINDS)), "metadata": metadata}
    return body | head | ({"spec": spec} if draw(st.booleans()) else {})


def linted(text: str) -> Report:
    report = lint([read(text, "any.yaml")])
    json.dumps([each.rule for each in report.findings])
    assert all(each.message and each.fix for each in report.findings)
    return report


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(documents(), min_size=1, max_size=5))
def test_objects_with_anything_in_them_are_looked_at(found: list[Any]) -> None:
    linted("\n---\n".join(json.dumps(each) for each in found))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=200))
def test_any_text_at_all_ends_in_a_report(text: str) -> None:
    linted(text)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from([*"[]{}:,-&*!|>'\"%@`#?\n \t", "a", "<<", "---", "...", "!!int", "&a", "*a"]),
        max_size=60,
    )
)
def test_any_yaml_signs_in_any_order_end_in_a_report(signs: list[str]) -> None:
    linted("".join(signs))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_rules_own_example_with_a_piece_exchanged_is_looked_at(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    text = data.draw(st.sampled_from((rule.wrong, rule.right)))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    linted(text[:start] + data.draw(st.text(max_size=6)) + text[end:])


@pytest.mark.parametrize(
    "text",
    [
        "a: [b",
        "\t- a",
        "a: &a [*a]",
        "&a {kind: *a, apiVersion: v1}",
        "a: !!python/object/apply:os.system [true]",
        "a: !!int many",
        "a: !!timestamp soon",
        "a: !!binary '%'",
        "a: 2026-13-45",
        f"a: {'9' * 5000}",
        "[" * 5_000,
        "- " * 5_000 + "a",
        "{a: " * 5_000,
        "\x00",
        "\ud800",
        "? {a: b}\n: c",
        "apiVersion: v1\nkind: [Pod]",
        "apiVersion: v1\nkind: PodList\nitems: [a, [b], {apiVersion: v1, kind: Pod}]",
    ],
)
def test_a_text_that_was_made_to_hurt_is_a_finding_or_nothing(text: str) -> None:
    linted(text)


def test_a_text_that_grows_when_it_is_read_is_refused_in_time() -> None:
    began = time.process_time()
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    linted("\n".join(["a0: &a0 [x, x]", *levels]))
    merged = [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 9)]
    report = linted("\n".join(["m0: &m0 {a: b}", *merged]))
    assert [each.rule for each in report.findings] == ["not-yaml"]
    assert time.process_time() - began < 10


def test_thousands_of_objects_take_seconds() -> None:
    labels = {"app": "a"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    one = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
    many = [one | {"metadata": {"name": f"a{n}", "namespace": f"n{n}"}} for n in range(1_000)]
    text = "\n---\n".join(map(json.dumps, many))
    began = time.process_time()
    assert linted(text).objects == 1_000
    assert time.process_time() - began < 20


def test_after_a_broken_document_what_came_before_is_still_looked_at() -> None:
    good = yaml.safe_dump(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"hostPID": True}}
    )
    rules = {each.rule for each in linted(f"{good}---\na: [b\n").findings}
    assert {"host-namespaces", "not-yaml"} <= rules
