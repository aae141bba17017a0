"""One defect each, put into the shipped manifests; with the rule that is to find it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Objects = list[dict[str, Any]]
Defect = Callable[[Objects], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect in words, the rule that is meant, and the change that makes it."""

    words: str
    rule: str
    spoil: Defect

    def of(self, objects: Objects) -> Objects:
        """The objects with the defect, which is one: they are not what they were."""
        spoilt = copy.deepcopy(objects)
        self.spoil(spoilt)
        assert spoilt != objects, f"nothing was changed: {self.words}"
        return spoilt


def one(objects: Objects, kind: str, name: str = "") -> dict[str, Any]:
    """The object of that kind; by its name, or the first letters of it, where there are several."""
    of_kind = [each for each in objects if each["kind"] == kind]
    begins = [each for each in of_kind if each["metadata"]["name"].startswith(name)]
    found = [each for each in of_kind if each["metadata"]["name"] == name] or begins
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def at(value: Any, path: str) -> tuple[Any, Any]:
    """The parent of what lies at a path such as spec.containers.0.image, and the last step to it."""
    *steps, last = [int(step) if step.isdigit() else step.replace("~", ".") for step in path.split(".")]
    for step in steps:
        value = value.setdefault(step, {}) if isinstance(value, dict) else value[step]
    return value, last


def put(kind: str, path: str, value: object, name: str = "") -> Defect:
    def spoil(objects: Objects) -> None:
        parent, last = at(one(objects, kind, name), path)
        parent[last] = copy.deepcopy(value)

    return spoil


def never_pulled(objects: Objects) -> None:
    """Of a registry, which a node that is new then never gets it from."""
    for field, value in (
        ("image", f"registry.example/voice-api@sha256:{'5' * 64}"),
        ("imagePullPolicy", "Never"),
    ):
        put(D, f"{BOX}.{field}", value)(objects)


def drop(kind: str, path: str = "", name: str = "") -> Defect:
    """Without what lies there, or without the object where no path is given."""

    def spoil(objects: Objects) -> None:
        item = one(objects, kind, name)
        if not path:
            objects.remove(item)
            return
        parent, last = at(item, path)
        del parent[last]

    return spoil


def add(kind: str, path: str, value: object, name: str = "") -> Defect:
    """One more entry of the list that lies there."""

    def spoil(objects: Objects) -> None:
        parent, last = at(one(objects, kind, name), path)
        if isinstance(parent, dict):
            parent.setdefault(last, [])
        parent[last].append(copy.deepcopy(value))

    return spoil


def more(item: Mapping[str, Any]) -> Defect:
    def spoil(objects: Objects) -> None:
        objects.append(copy.deepcopy(dict(item)))

    return spoil


def twin(kind: str, name: str, renamed: str = "") -> Defect:
    def spoil(objects: Objects) -> None:
        item = copy.deepcopy(one(objects, kind, name))
        item["metadata"]["name"] = renamed or item["metadata"]["name"]
        objects.append(item)

    return spoil


def metadata(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "kvx"}


POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
D, S, H = "Deployment", "Service", "HorizontalPodAutoscaler"
N, B, Q = "NetworkPolicy", "PodDisruptionBudget", "ResourceQuota"
OURS = "voice-api"
CONTEXT = f"{BOX}.securityContext"
RESTRICTED = tuple(
    Mutant(words, rule, spoil)
    for words, rule, spoil in (
        ("the node's network", "host-namespaces", put(D, f"{POD}.hostNetwork", True)),
        ("the node's processes", "host-namespaces", put(D, f"{POD}.hostPID", True)),
        (
            "the node's root as a volume",
            "host-path",
            put(D, f"{POD}.volumes.0", {"name": "temporary", "hostPath": {"path": "/"}}),
        ),
        (
            "a volume past the cluster's control",
            "volume-type",
            put(D, f"{POD}.volumes.0", {"name": "temporary", "nfs": {"server": "files", "path": "/"}}),
        ),
        ("a port of the node", "host-port", put(D, f"{BOX}.ports.0.hostPort", 8484)),
        ("privileged", "privileged", put(D, f"{CONTEXT}.privileged", True)),
        ("escalation allowed", "privilege-escalation", put(D, f"{CONTEXT}.allowPrivilegeEscalation", True)),
        ("escalation not said", "privilege-escalation", drop(D, f"{CONTEXT}.allowPrivilegeEscalation")),
        ("capabilities kept", "capabilities-dropped", drop(D, f"{CONTEXT}.capabilities")),
        ("a capability added", "capabilities-added", put(D, f"{CONTEXT}.capabilities.add", ["SYS_ADMIN"])),
        ("may be root", "run-as-non-root", put(D, f"{CONTEXT}.runAsNonRoot", False)),
        ("is root", "run-as-root", put(D, f"{POD}.securityContext.runAsUser", 0)),
        ("a user of the node", "low-user-id", put(D, f"{POD}.securityContext.runAsUser", 1000)),
        ("the image chooses the group", "low-user-id", drop(D, f"{POD}.securityContext.runAsGroup")),
        ("no seccomp", "seccomp", drop(D, f"{POD}.securityContext.seccompProfile")),
        ("/proc unmasked", "proc-mount", put(D, f"{CONTEXT}.procMount", "Unmasked")),
        (
            "a sysctl of the node",
            "sysctls",
            put(D, f"{POD}.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        ),
        (
            "no AppArmor",
            "security-module",
            put(D, f"{POD}.securityContext.appArmorProfile", {"type": "Unconfined"}),
        ),
        ("asks elsewhere", "probe-host", put(D, f"{BOX}.livenessProbe.httpGet.host", "10.0.0.1")),
        ("a root that can be written", "read-only-root", drop(D, f"{CONTEXT}.readOnlyRootFilesystem")),
        ("shared processes", "shared-processes", put(D, f"{POD}.shareProcessNamespace", True)),
        ("service links", "service-links", drop(D, f"{POD}.enableServiceLinks")),
        (
            "an init container as root",
            "run-as-non-root",
            put(
                D,
                f"{POD}.initContainers",
                [{"name": "prepare", "image": "a", "securityContext": {"runAsNonRoot": False}}],
            ),
        ),
    )
)
CONTAINERS = tuple(
    Mutant(words, rule, spoil)
    for words, rule, spoil in (
        ("a tag", "image-digest", put(D, f"{BOX}.image", "kvx.invalid/voice-api:0.1")),
        ("latest", "image-digest", put(D, f"{BOX}.image", "kvx.invalid/voice-api")),
        ("never pulled", "image-pull-policy", never_pulled),
        ("no requests", "requests", drop(D, f"{BOX}.resources.requests")),
        ("no memory limit", "limits", drop(D, f"{BOX}.resources.limits.memory")),
        ("no disk limit", "ephemeral-storage", drop(D, f"{BOX}.resources.limits.ephemeral-storage")),
        ("more than allowed", "requests-within-limits", put(D, f"{BOX}.resources.requests.cpu", "600m")),
        ("no amount", "quantity", put(D, f"{BOX}.resources.limits.memory", "512 MB")),
        ("half a byte", "tiny-memory", put(D, f"{BOX}.resources.limits.memory", "512m")),
        ("a folder without end", "empty-dir-size", put(D, f"{POD}.volumes.0.emptyDir", {})),
        ("a folder too large", "empty-dir-fits", put(D, f"{POD}.volumes.0.emptyDir.sizeLimit", "1Gi")),
        ("no readiness probe", "readiness-probe", drop(D, f"{BOX}.readinessProbe")),
        ("no liveness probe", "liveness-probe", drop(D, f"{BOX}.livenessProbe")),
        ("no startup probe", "startup-probe", drop(D, f"{BOX}.startupProbe")),
        ("identical probes", "probes-differ", put(D, f"{BOX}.livenessProbe.httpGet.path", "/ready")),
        ("a probe of no port", "probe-port", put(D, f"{BOX}.readinessProbe.httpGet.port", "htp")),
        ("restarted in a second", "hasty-liveness", put(D, f"{BOX}.livenessProbe.periodSeconds", 1)),
        ("ends at once", "pre-stop", drop(D, f"{BOX}.lifecycle")),
        ("no time to end", "grace-period", put(D, f"{POD}.terminationGracePeriodSeconds", 0)),
        ("all time slept", "grace-period", put(D, f"{POD}.terminationGracePeriodSeconds", 3)),
        ("one port twice", "port-clash", put(D, f"{BOX}.ports.1.containerPort", 8484)),
        (
            "a secret in clear",
            "secret-in-clear",
            put(D, f"{BOX}.env", [{"name": "API_TOKEN", "value": "s3cr3t"}]),
        ),
        (
            "a secret in the environment",
            "secret-in-environment",
            put(
                D,
                f"{BOX}.env",
                [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b", "optional": True}}}],
            ),
        ),
        (
            "a variable twice",
            "variable-twice",
            put(D, f"{BOX}.env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        ),
        ("a number as a variable", "variable-text", put(D, f"{BOX}.env", [{"name": "A", "value": 1}])),
        ("a mount of nothing", "mount-missing", put(D, f"{BOX}.volumeMounts.0.name", "tmp")),
    )
)
ACROSS = tuple(
    Mutant(words, rule, spoil)
    for words, rule, spoil in (
        ("the Service means nobody", "service-selects-nothing", put(S, "spec.selector", {"app": "voice"})),
        (
            "the Service's port leads nowhere",
            "service-port-missing",
            put(S, "spec.ports.0.targetPort", "web"),
        ),
        ("a port on the nodes", "service-on-nodes", put(S, "spec.type", "NodePort")),
        ("ports without names", "service-port-names", drop(S, "spec.ports.1.name")),
        ("no budget", "budget-missing", drop(B)),
        (
            "the budget means nobody",
            "budget-selects-nothing",
            put(B, "spec.selector.matchLabels", {"a": "b"}),
        ),
        ("the budget lets nobody go", "budget-blocks-drain", put(B, "spec.maxUnavailable", 0)),
        (
            "the budget keeps all",
            "budget-blocks-drain",
            put(B, "spec", {"minAvailable": "100%", "selector": {}}),
        ),
        ("the budget keeps the broken", "budget-unhealthy-pods", drop(B, "spec.unhealthyPodEvictionPolicy")),
        ("two budgets", "budgets-overlap", twin(B, OURS, "again")),
        ("all on one node", "spread", drop(D, f"{POD}.topologySpreadConstraints")),
        (
            "others are spread",
            "spread-selects-others",
            put(D, f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels", {"app": "voice"}),
        ),
        ("a gap in each rollout", "rollout-gap", put(D, "spec.strategy.rollingUpdate.maxUnavailable", 1)),
        ("everything ended first", "rollout-gap", put(D, "spec.strategy", {"type": "Recreate"})),
        (
            "its own pods are not its own",
            "selector-fits-template",
            put(D, "spec.selector.matchLabels.a", "b"),
        ),
        ("two Deployments of the same pods", "selectors-overlap", twin(D, OURS, "again")),
        ("no such priority", "priority-class-missing", drop("PriorityClass")),
        (
            "the autoscaler's target is missing",
            "autoscaler-target-missing",
            put(H, "spec.scaleTargetRef.name", "voice"),
        ),
        (
            "the target's version is wrong",
            "autoscaler-target-missing",
            put(H, "spec.scaleTargetRef.apiVersion", "v1"),
        ),
        ("a fixed number beside the autoscaler", "replicas-with-autoscaler", put(D, "spec.replicas", 2)),
        ("down to one", "autoscaler-minimum", put(H, "spec.minReplicas", 1)),
        ("no room to scale", "autoscaler-room", put(H, "spec.maxReplicas", 2)),
        ("nothing to scale by", "autoscaler-metrics", put(H, "spec.metrics", [])),
        ("two autoscalers", "autoscalers-overlap", twin(H, OURS, "again")),
        (
            "a share of nothing",
            "autoscaler-without-requests",
            put(D, f"{BOX}.resources", {"requests": {"memory": "128Mi"}, "limits": {"memory": "512Mi"}}),
        ),
        ("a quota for fewer", "quota-too-small", put(Q, "spec.hard.limits~cpu", "1500m")),
        ("more replicas than the quota has room for", "quota-too-small", put(H, "spec.maxReplicas", 10)),
        ("two pods at most", "quota-too-small", put(Q, "spec.hard.pods", "2")),
        ("beyond the limit range", "limit-range-exceeded", put(D, f"{BOX}.resources.limits.cpu", "501m")),
        (
            "the limit range upside down",
            "limit-range-order",
            put("LimitRange", "spec.limits.0.default.cpu", "600m"),
        ),
        ("no quota", "namespace-unbounded", drop(Q)),
        ("no limit range", "namespace-unbounded", drop("LimitRange")),
    )
)
NETWORK_AND_RIGHTS = tuple(
    Mutant(words, rule, spoil)
    for words, rule, spoil in (
        (
            "no policy for what goes out",
            "network-policy-missing",
            lambda objects: (
                [put(N, "spec.policyTypes", ["Ingress"], name)(objects) for name in ("deny-all", OURS)]
                and drop(N, "spec.egress", OURS)(objects)
            ),
        ),
        (
            "the policy means nobody",
            "policy-selects-nothing",
            put(N, "spec.podSelector.matchLabels", {"a": "b"}, OURS),
        ),
        ("everybody may come", "policy-open", put(N, "spec.ingress.0.from", [], OURS)),
        (
            "every namespace may come",
            "policy-open",
            add(N, "spec.ingress.0.from", {"namespaceSelector": {}}, OURS),
        ),
        (
            "out to the metadata service",
            "policy-metadata-service",
            put(N, "spec.egress.0.to.0.ipBlock.cidr", "0.0.0.0/0", OURS),
        ),
        (
            "out to the world on all ports",
            "policy-to-the-world",
            put(N, "spec.egress", [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], OURS),
        ),
        ("a network that is none", "policy-network", put(N, "spec.egress.0.to.0.ipBlock.cidr", "10/8", OURS)),
        ("nobody may come", "policy-closes-service", put(N, "spec.ingress", [], OURS)),
        (
            "names without DNS",
            "policy-without-dns",
            add(N, "spec.egress.0.to", {"podSelector": {"matchLabels": {"x": "db"}}}, OURS),
        ),
        (
            "a peer that is misspelt",
            "policy-peer-missing",
            put(
                N, "spec.ingress.0.from.0.podSelector.matchLabels", {"app.kubernetes.io/name": "voice"}, OURS
            ),
        ),
        ("egress rules without effect", "policy-types", put(N, "spec.policyTypes", ["Ingress"], OURS)),
        ("a port that no container has", "policy-port", put(N, "spec.ingress.0.ports.0.port", "web", OURS)),
        ("all verbs", "rights-to-everything", put("ClusterRole", "rules.0.verbs", ["*"])),
        ("all resources", "rights-to-everything", put("ClusterRole", "rules.0.resources", ["*"])),
        ("reads the secrets", "rights-that-take-over", add("ClusterRole", "rules.0.resources", "secrets")),
        ("impersonates anybody", "rights-that-take-over", add("ClusterRole", "rules.0.verbs", "impersonate")),
        ("cluster-admin", "almighty-binding", put("ClusterRoleBinding", "roleRef.name", "cluster-admin")),
        (
            "rights for everybody",
            "rights-for-everybody",
            add("ClusterRoleBinding", "subjects", {"kind": "Group", "name": "system:authenticated"}),
        ),
        ("a role that is not there", "role-missing", put("ClusterRoleBinding", "roleRef.name", "reader")),
        ("rights for nobody", "subject-missing", put("ClusterRoleBinding", "subjects.0.name", "voice")),
        ("a role that nobody has", "role-unused", drop("ClusterRoleBinding")),
        ("rights without a token", "rights-unused", drop(D, f"{POD}.volumes.1.projected.sources.0")),
        ("rights for an account no pod has", "rights-unused", put(D, f"{POD}.serviceAccountName", "voice")),
        ("the default token", "token-mounted", put(D, f"{POD}.automountServiceAccountToken", True)),
        ("a token for every pod", "account-token", drop("ServiceAccount", "automountServiceAccountToken")),
        ("the default account", "default-account", drop(D, f"{POD}.serviceAccountName")),
        ("an account that is not there", "account-missing", drop("ServiceAccount")),
    )
)
OBJECTS = tuple(
    Mutant(words, rule, spoil)
    for words, rule, spoil in (
        ("the settings are not there", "config-map-missing", drop("ConfigMap", "", OURS)),
        (
            "a key that is not there",
            "config-key-missing",
            lambda objects: put(
                D,
                f"{BOX}.env",
                [
                    {
                        "name": "A",
                        "valueFrom": {
                            "configMapKeyRef": {
                                "name": one(objects, "ConfigMap", OURS)["metadata"]["name"],
                                "key": "KVX_VOICE_HOTS",
                            }
                        },
                    }
                ],
            )(objects),
        ),
        (
            "a secret that is not there",
            "secret-missing",
            add(D, f"{POD}.volumes", {"name": "key", "secret": {"secretName": "key", "defaultMode": 0o400}}),
        ),
        (
            "a secret for everybody in the pod",
            "secret-mode",
            add(D, f"{POD}.volumes", {"name": "key", "secret": {"secretName": "key"}}),
        ),
        ("a number as a setting", "config-text", put("ConfigMap", "data.KVX_VOICE_PORT", 8484, OURS)),
        ("settings that can change", "hashed-immutable", drop("ConfigMap", "immutable", OURS)),
        ("a token in the settings", "secret-in-clear", put("ConfigMap", "data.HCLOUD_TOKEN", "abc", OURS)),
        (
            "pod security is baseline",
            "namespace-restricted",
            put("Namespace", "metadata.labels.pod-security~kubernetes~io/enforce", "baseline"),
        ),
        ("no pod security", "namespace-restricted", put("Namespace", "metadata.labels", {})),
        ("a version that is gone", "api-version-gone", put(B, "apiVersion", "policy/v1beta1")),
        ("an object twice", "object-twice", twin(S, OURS)),
        ("a name that is none", "object-name", put(S, "metadata.name", "Voice_API")),
        ("pods without a namespace", "pod-namespace", drop(D, "metadata.namespace")),
        ("a Service elsewhere", "namespace-forgotten", drop(S, "metadata.namespace")),
        ("no version kept", "history", put(D, "spec.revisionHistoryLimit", 0)),
        (
            "a pod alone",
            "pod-alone",
            more({"apiVersion": "v1", "kind": "Pod", "metadata": metadata("a"), "spec": {"containers": []}}),
        ),
        (
            "a volume that is not there",
            "claim-missing",
            add(D, f"{POD}.volumes", {"name": "a", "persistentVolumeClaim": {"claimName": "a"}}),
        ),
        (
            "a job without end",
            "job-deadline",
            more(
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": metadata("a"),
                    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": []}}},
                }
            ),
        ),
        (
            "an exception without a reason",
            "ignored-without-reason",
            put(D, "metadata.annotations.lint~kvx/host-path", ""),
        ),
        (
            "an exception in vain",
            "ignored-in-vain",
            put(D, "metadata.annotations.lint~kvx/host-path", "why not"),
        ),
        (
            "an Ingress without TLS",
            "ingress-tls",
            more(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "Ingress",
                    "metadata": metadata("a"),
                    "spec": {"rules": [{"host": "a.example"}]},
                }
            ),
        ),
        (
            "an Ingress to nowhere",
            "ingress-leads-nowhere",
            more(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "Ingress",
                    "metadata": metadata("a"),
                    "spec": {"defaultBackend": {"service": {"name": OURS, "port": {"name": "web"}}}},
                }
            ),
        ),
        (
            "both autoscalers on the processor",
            "autoscalers-fight",
            more(
                {
                    "apiVersion": "autoscaling.k8s.io/v1",
                    "kind": "VerticalPodAutoscaler",
                    "metadata": metadata("a"),
                    "spec": {
                        "targetRef": {"apiVersion": "apps/v1", "kind": D, "name": OURS},
                        "updatePolicy": {"updateMode": "Recreate"},
                    },
                }
            ),
        ),
    )
)
MUTANTS = (*RESTRICTED, *CONTAINERS, *ACROSS, *NETWORK_AND_RIGHTS, *OBJECTS)
