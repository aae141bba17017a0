"""Secrets in every kind of object come out nowhere: replies, tools, prompts, log, journal, figures, files."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from operated import Operated, bound, cluster_binding, cluster_role, ready_for, workload
from served import Served, served, voice_api

sys.path.insert(0, str(Path(__file__).parents[1] / "language_model"))
from small_server import Small, calling, small_server

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")
SPACE = "aviary"
CANARY = "kanarienvogel"
APPS, BATCH, CORE = (
    f"{group}/namespaces/{SPACE}" for group in ("/apis/apps/v1", "/apis/batch/v1", "/api/v1")
)
SEES = {"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
NAMES = {
    "deployment": "finch",
    "statefulset": "heron",
    "daemonset": "magpie",
    "job": "swallow",
    "pod": "sparrow",
    "service": "raven",
    "node": "nest",
}
ABOUT_ONE = (
    "describe the {kind} {name} in aviary",
    "what is wrong with the {kind} {name} in aviary",
    "events of {name} in aviary",
    "images of {name} in aviary",
    "rollout status of {name} in aviary",
    "rollout history of {name} in aviary",
    "show me the logs of {name} in aviary",
    "restarts of {name} in aviary",
)
ABOUT_ALL = (
    "list the pods in aviary",
    "list the deployments in aviary",
    "list the stateful sets in aviary",
    "list the daemon sets in aviary",
    "list the jobs in aviary",
    "list the cron jobs in aviary",
    "list the services in aviary",
    "list the secrets in aviary",
    "list the config maps in aviary",
    "list the nodes",
    "list the namespaces",
    "events in aviary",
    "restarts in aviary",
    "top pods",
    "describe the secret cage in aviary",
    "describe the config map cage in aviary",
    "what does the cluster cost",
    "what did i do",
)
# What a language model is asked: the lines of others, and sentences that no template fits.
BY_MODEL = (
    "sum up the events in aviary",
    "sum up the events of sparrow in aviary",
    "would you say that finch is happy",
)
LEAST_ANSWERED = 30
CHANGES = ("scale finch to three in aviary", "restart heron in aviary", "delete the pod sparrow in aviary")
# What people say themselves: kept without it.
SAID = (
    f"the password is {CANARY}-said",
    f"describe the deployment with token={CANARY}-told",
    f"set the version of finch to password={CANARY}-set in aviary",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that was asked everything and has ended, and all that came of it."""

    service: Served
    folder: Path
    model: Small
    replies: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    tools: dict[str, list[str]] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)


def leaky(name: str) -> dict[str, Any]:
    """Metadata in which people and programs leave secrets."""
    applied = json.dumps({"data": {"password": f"{CANARY}-applied"}})
    notes = {"kubectl.kubernetes.io/last-applied-configuration": applied, "note": f"{CANARY}-note"}
    return {"name": name, "annotations": notes}


def container() -> dict[str, Any]:
    return {
        "name": "main",
        "image": "example:1.0",
        "env": [{"name": "PASSWORD", "value": f"{CANARY}-env"}],
        "args": [f"--api-token={CANARY}-argument"],
        "command": ["sh", "-c", f"echo {CANARY}-command"],
    }


def leaky_workload(kind: str, name: str) -> dict[str, Any]:
    made = workload(kind, name, 1, "example:1.0")
    made["spec"]["template"]["spec"]["containers"] = [container()]
    made["spec"]["template"]["metadata"]["annotations"] = leaky(name)["annotations"]
    return {**made, "metadata": leaky(name)}


def job(name: str) -> dict[str, Any]:
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container()]}}}
    return {"metadata": leaky(name), "spec": spec}


def event(kind: str, name: str) -> dict[str, Any]:
    about = {"kind": kind, "name": name, "namespace": SPACE}
    message = f"login failed, password: {CANARY}-event, https://bird:{CANARY}-url@nest.example/"
    return {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "BackOff",
        "message": message,
        "lastTimestamp": "2026-11-21T12:00:00Z",
    }


def planted(operated: Operated) -> None:
    """A canary in every place of every kind that the service may read, and in those it may not."""
    make = operated.server.request
    labels = {"kvx.dev/environment": "staging"}
    make("POST", "/api/v1/namespaces", {"metadata": {**leaky(SPACE), "labels": labels}})
    make("POST", "/api/v1/nodes", {"metadata": leaky("nest"), "spec": {"unschedulable": True}})
    conditions = [{"type": "Ready", "status": "False", "reason": "Down", "message": f"token={CANARY}-node"}]
    make("PATCH", "/api/v1/nodes/nest/status", {"status": {"conditions": conditions}})
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        make("POST", f"{APPS}/{kind.lower()}s", leaky_workload(kind, NAMES[kind.lower()]))
    make("POST", f"{BATCH}/jobs", job("swallow"))
    schedule = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("cuckoo")["spec"]}}
    make("POST", f"{BATCH}/cronjobs", {"metadata": leaky("cuckoo"), "spec": schedule})
    make("POST", f"{CORE}/pods", {"metadata": leaky("sparrow"), "spec": {"containers": [container()]}})
    make("POST", f"{CORE}/services", {"metadata": leaky("raven"), "spec": {"ports": [{"port": 80}]}})
    make(
        "POST", f"{CORE}/secrets", {"metadata": leaky("cage"), "stringData": {"password": f"{CANARY}-secret"}}
    )
    make("POST", f"{CORE}/configmaps", {"metadata": leaky("cage"), "data": {"url": f"{CANARY}-config"}})
    for kind, name in (("Pod", "sparrow"), ("Deployment", "finch"), ("Job", "swallow")):
        make("POST", f"{CORE}/events", event(kind, name))


def gone(operated: Operated) -> None:
    for path in (f"{CORE}/pods/sparrow", "/api/v1/nodes/nest"):
        operated.server.request("DELETE", path, {"gracePeriodSeconds": 0})


@pytest.fixture(scope="module")
def asked(operated: Operated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("canaries")
    planted(operated)
    bound(operated.server, "shop", "admin", SPACE)
    cluster_role(operated.server, "canaries-see", [SEES])
    for user in ("kvx-service", "ann"):
        subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
        cluster_binding(operated.server, f"canaries-{user}", "canaries-see", subject)
    ready_for(operated, SPACE)
    places = ("--environment", "staging", "--environment", "production", "--group", "shop")
    adding = ("user", "add", "ann", "--role", "operator", *places)
    key = subprocess.run(
        voice_api(folder, *adding), capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()
    # As talkative as it can be.
    more = ("--log-level", "debug", "--log-transcripts", "true", "--checkpoint-file", str(folder / "heads"))
    reads = ("--kubeconfig", str(operated.service), "--journal-folder", str(folder / "journal"))
    with small_server() as model, served(folder, *reads, *more, *asking(model)) as service:
        found = Asked(service, folder, model)
        one = [form.format(kind=kind, name=name) for kind, name in NAMES.items() for form in ABOUT_ONE]
        for sentence in (*one, *ABOUT_ALL, *BY_MODEL, *CHANGES, *SAID):
            answer = said(service, key, {"text": sentence, "session": "perch"})
            found.statuses.append(answer.json()["status"])
            # What was typed comes back to whoever typed it, and to nobody else.
            found.replies.append(answer.text.replace(json.dumps(sentence), ""))
        found.tools.update(used_by_a_program(service, key))
        found.figures.append(httpx.get(service.metrics, timeout=60).text)
    yield found
    gone(operated)


def used_by_a_program(service: Served, key: str) -> dict[str, list[str]]:
    """What each tool of the Model Context Protocol gives back, of every object that there is."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=service.address, headers=headers, timeout=60) as client:

        def asked(method: str, **params: Any) -> dict[str, Any]:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return dict(client.post("/mcp", json=message).json())

        return {
            tool["name"]: [
                json.dumps(asked("tools/call", name=tool["name"], arguments=arguments))
                for arguments in arguments_for(tool["inputSchema"])
            ]
            for tool in asked("tools/list")["result"]["tools"]
        }


def arguments_for(schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """As many as there are objects or kinds to name."""
    known = schema["properties"]
    if "name" in known:
        return [{"name": each, "namespace": SPACE} for kind, each in NAMES.items() if kind != "node"]
    if "kind" in known:
        return [{"kind": each} for each in known["kind"]["enum"]]
    return [{"namespace": SPACE} if "namespace" in known else {}]


def asking(model: Small) -> tuple[str, str]:
    """A model that understands nothing, and says something of whatever it is given to read."""
    model.messages = [{**calling("decline", reason="nothing_fits"), "content": "A login fails."}]
    return "--language-model-address", model.address


def said(service: Served, key: str, body: Mapping[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{service.address}/v1/commands", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_questions_are_answered_and_not_only_refused(asked: Asked) -> None:
    assert asked.statuses.count("SUCCESS") >= LEAST_ANSWERED, asked.replies
    assert asked.statuses.count("REQUIRES_CONFIRMATION") == len(CHANGES), asked.replies[-6:]
    assert [each for each in asked.replies if "BackOff" in each or "back off" in each]


def test_no_canary_is_in_any_reply(asked: Asked) -> None:
    about_objects = asked.replies[: -len(SAID)]
    assert not [each for each in about_objects if CANARY in each]


def test_no_canary_is_in_what_a_program_is_given(asked: Asked) -> None:
    assert {"describe", "events", "list_objects", "logs", "what_is_wrong"} <= asked.tools.keys()
    assert [each for each in asked.tools["describe"] if "finch" in each and '"isError": false' in each]
    assert [each for each in asked.tools["events"] if "BackOff" in each or "back off" in each]
    assert not [each for replies in asked.tools.values() for each in replies if CANARY in each]


def test_no_canary_is_in_what_a_language_model_is_asked(asked: Asked) -> None:
    """Neither of what the cluster says, nor of what people say."""
    questions = asked.model.questions
    assert [each for each in questions if "finch is happy" in each]
    assert [each for each in questions if "BackOff" in each and "login failed" in each]
    assert not [each for each in asked.model.asked if CANARY in json.dumps(each)]


def test_no_canary_is_in_the_log_the_journal_the_words_or_any_other_file(asked: Asked) -> None:
    files = [each for each in asked.folder.rglob("*") if each.is_file()]
    assert {"service.log", "users.json", "heads"} <= {each.name for each in files}
    assert [each for each in files if each.parent.name == "words"]
    assert not [each.name for each in files if CANARY in each.read_text(errors="replace")]


def test_no_canary_is_in_the_figures(asked: Asked) -> None:
    (figures,) = asked.figures
    assert "kvx_voice_commands_total" in figures
    assert CANARY not in figures


def test_no_canary_is_exported_shown_or_counted(asked: Asked) -> None:
    journal = ("--journal-folder", str(asked.folder / "journal"))
    for command in (("show", "--words", "--last", "1000"), ("export",), ("stats",)):
        ended = subprocess.run(
            voice_api(asked.folder, "audit", *command, *journal),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert ended.stdout
        assert CANARY not in ended.stdout + ended.stderr


def test_the_canaries_are_there_to_be_found(operated: Operated, asked: Asked) -> None:
    """What is searched for is what the API server gives to whoever reads it plainly."""
    kinds = (
        (APPS, ("deployments", "replicasets", "statefulsets", "daemonsets")),
        (BATCH, ("jobs", "cronjobs")),
        (CORE, ("pods", "services", "events", "configmaps", "secrets")),
    )
    plain = json.dumps([operated.found(f"{group}/{kind}") for group, names in kinds for kind in names])
    for each in ("applied", "note", "env", "argument", "command", "event", "url", "config"):
        assert f"{CANARY}-{each}" in plain
