"""Rights: who may do what in the cluster, and whether that is used."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object
from kvx.lint.rule import Found, Rule, each_alone, each_object
from kvx.lint.rules.accounts import ACCOUNT, POD, runs_as, shows_token

Places = Iterator[tuple[Node, str]]
ROLES, BINDINGS = ("Role", "ClusterRole"), ("RoleBinding", "ClusterRoleBinding")
EVERYBODY = ("system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:anonymous")
POWERFUL = ("cluster-admin", "admin", "edit")
TAKES_OVER = frozenset({"escalate", "bind", "impersonate"})
READS, WRITES = frozenset({"get", "list", "watch"}), frozenset({"create", "update", "patch"})
# A right to do this to that is a right to do everything, or to read every secret.
DANGEROUS = {
    "secrets": (READS, "reads the secrets"),
    "pods/exec": (frozenset({"get", "create"}), "runs programs in the pods"),
    "pods/attach": (frozenset({"get", "create"}), "speaks to programs in the pods"),
    "serviceaccounts/token": (frozenset({"create"}), "becomes every service account"),
    "nodes/proxy": (frozenset({"get", "create"}), "runs programs on the nodes"),
    "roles": (WRITES, "gives rights to itself"),
    "clusterroles": (WRITES, "gives rights to itself"),
    "rolebindings": (WRITES, "gives rights to itself"),
    "clusterrolebindings": (WRITES, "gives rights to itself"),
    "validatingwebhookconfigurations": (WRITES, "sees whatever is written to the cluster"),
    "mutatingwebhookconfigurations": (WRITES, "changes whatever is written to the cluster"),
}
BUILT_IN = ("cluster-admin", "admin", "edit", "view")


@each_alone(*ROLES)
def _everything(role: Object) -> Places:
    for rule in role.root.at("rules").items:
        for key in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
            for each in rule.at(key).items:
                if each.text == "*":
                    yield each, f"all {key}, also those that do not exist yet"


@each_alone(*BINDINGS)
def _almighty(binding: Object) -> Places:
    role = binding.root.at("roleRef", "name")
    if role.text in POWERFUL and binding.root.at("roleRef", "kind").text == "ClusterRole":
        yield role, f"{role.text} may do nearly everything"


@each_alone(*ROLES)
def _taking_over(role: Object) -> Places:
    for rule in role.root.at("rules").items:
        bounded = bool(rule.at("resourceNames").items)
        for verb in rule.at("verbs").items:
            if verb.text in TAKES_OVER and not bounded:
                yield verb, f"{verb.text} without resourceNames makes it whoever it likes"
        verbs = set(rule.at("verbs").texts)
        for resource in rule.at("resources").items:
            dangerous, words = DANGEROUS.get(resource.text, (frozenset(), ""))
            if verbs & dangerous and not bounded:
                yield resource, f"with {', '.join(sorted(verbs & dangerous))} it {words}"


@each_alone(*BINDINGS)
def _to_everybody(binding: Object) -> Places:
    for subject in binding.root.at("subjects").items:
        name = subject.at("name")
        if subject.at("kind").text in {"Group", "User"} and name.text.startswith(EVERYBODY):
            yield name, f"{name.text} is everybody, or every pod"


@each_object(*BINDINGS)
def _role_missing(binding: Object, manifests: Manifests) -> Places:
    kind, name = binding.root.at("roleRef", "kind").text, binding.root.at("roleRef", "name")
    known = kind == "ClusterRole" and (name.text in BUILT_IN or name.text.startswith("system:"))
    if not known and manifests.find(kind, name.text, binding.namespace) is None:
        yield name, f"there is no {kind or 'role'} {name.text} here"


@each_object(*BINDINGS)
def _nobody(binding: Object, manifests: Manifests) -> Places:
    for subject in binding.root.at("subjects").items:
        namespace = subject.at("namespace").text or binding.namespace
        name = subject.at("name")
        account = subject.at("kind").text == "ServiceAccount"
        if account and name.text != "default" and not manifests.find("ServiceAccount", name.text, namespace):
            yield name, f"there is no ServiceAccount {namespace}/{name.text} here"


@each_object(*ROLES)
def _unbound(role: Object, manifests: Manifests) -> Places:
    aggregated = any(key.startswith("rbac.authorization.k8s.io/aggregate-to") for key in _labels(role))
    bound = any(_means(binding, role) for binding in manifests.of(*BINDINGS))
    if not aggregated and not bound and not role.root.at("aggregationRule").given:
        yield role.root.at("rules"), "nobody is given these rights"


def _labels(item: Object) -> tuple[str, ...]:
    return item.root.at("metadata", "labels").keys


def _means(binding: Object, role: Object) -> bool:
    reference = binding.root.at("roleRef")
    same = reference.at("kind").text == role.kind and reference.at("name").text == role.name
    return same and (role.kind == "ClusterRole" or binding.namespace == role.namespace)


def _unused(manifests: Manifests) -> Iterator[Found]:
    """Rights of service accounts whose pods never show a token, or that no pod is."""
    for binding in manifests.of(*BINDINGS):
        for subject in binding.root.at("subjects").items:
            if subject.at("kind").text != "ServiceAccount":
                continue
            namespace = subject.at("namespace").text or binding.namespace
            name = subject.at("name").text
            pods = [pod for pod in manifests.pods_in(namespace) if runs_as(pod, name)]
            if manifests.find("ServiceAccount", name, namespace) is None:
                continue
            if not pods:
                yield Found(binding, subject.path, f"no pod here runs as {name}, which is given rights")
            elif not any(shows_token(pod, manifests) for pod in pods):
                words = f"the pods of {name} mount no token, and cannot use its rights"
                yield Found(binding, subject.path, words)


def _role(rules: str, kind: str = "Role") -> str:
    head = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: app}}\n"
    return f"{head}rules: [{rules}]\n---\n"


def _binding(subject: str, role: str = "app", kind: str = "Role") -> str:
    return (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: app}\n"
        f"roleRef: {{kind: {kind}, name: {role}}}\nsubjects: [{subject}]\n---\n"
    )


_LISTS_PODS = "{apiGroups: [''], resources: [pods], verbs: [list]}"
_US = "{kind: ServiceAccount, name: app}"
RULES = (
    Rule(
        "rights-to-everything",
        "A role names what it is for.",
        "A star grows with the cluster: whatever is installed later is in it.",
        "write the verbs, resources and groups that are used",
        _role("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}"),
        _role(_LISTS_PODS),
        _everything,
        "manifests",
        ("CKV_K8S_49", "kube-linter wildcard-in-rules"),
    ),
    Rule(
        "almighty-binding",
        "Nobody is given cluster-admin, admin or edit.",
        "One broken pod is the end of the cluster.",
        "a Role with the verbs that are used",
        _binding(_US, "cluster-admin", "ClusterRole"),
        _binding(_US, "view", "ClusterRole"),
        _almighty,
        "manifests",
        ("kube-linter cluster-admin-role-binding",),
    ),
    Rule(
        "rights-that-take-over",
        "No role can make more of itself.",
        "Reading secrets, running programs in pods or giving rights leads to every other right.",
        "bound it with resourceNames, or leave it out",
        _role("{apiGroups: [''], resources: [secrets], verbs: [list]}"),
        _role("{apiGroups: [''], resources: [secrets], resourceNames: [tls], verbs: [get]}"),
        _taking_over,
        "manifests",
        ("CKV_K8S_155", "CKV_K8S_156", "CKV_K8S_157", "CKV_K8S_158", "kube-linter access-to-secrets"),
    ),
    Rule(
        "rights-for-everybody",
        "Rights are given to somebody.",
        "Every pod of the cluster, or the whole world, has them.",
        "subjects: [{kind: ServiceAccount, name: NAME, namespace: NAMESPACE}]",
        _binding("{kind: Group, name: 'system:authenticated'}"),
        _binding("{kind: Group, name: operators}"),
        _to_everybody,
        "manifests",
    ),
    Rule(
        "role-missing",
        "A role that is given is there.",
        "The binding gives nothing, and the program is refused.",
        "write the name of a Role or ClusterRole under roleRef",
        _binding(_US),
        _role(_LISTS_PODS) + _binding(_US),
        _role_missing,
        "manifests",
    ),
    Rule(
        "subject-missing",
        "Whoever is given rights is there.",
        "Whoever may make a service account of that name gets them.",
        "add the ServiceAccount, or remove the binding",
        _binding(_US),
        _binding(_US) + ACCOUNT,
        _nobody,
        "manifests",
    ),
    Rule(
        "role-unused",
        "A role is given to somebody.",
        "It waits for the day when somebody binds it without reading it.",
        "remove the role, or add its binding",
        _role(_LISTS_PODS),
        _role(_LISTS_PODS) + _binding(_US),
        _unbound,
        "manifests",
    ),
    Rule(
        "rights-unused",
        "Rights are given to pods that use them.",
        "They serve nobody but whoever gets hold of the account.",
        "remove the binding, or mount a token (a projected serviceAccountToken)",
        ACCOUNT + _binding(_US) + POD("automountServiceAccountToken: false"),
        ACCOUNT + _binding(_US) + POD("automountServiceAccountToken: true"),
        _unused,
        "manifests",
    ),
)
