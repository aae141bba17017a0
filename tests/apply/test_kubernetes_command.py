"""kvx kubernetes, doctor and cleanup as a person types them, against a real API server."""

import datetime
import json
import subprocess
from collections.abc import Callable

import pytest
from deployed import Folder, Server, names, writes
from standing import Standing, StandingDrivers

from kvx.cluster.applyset import MEMBER
from kvx.commands.flags import deployment_from
from kvx.drivers import cluster_lease, removing
from kvx.drivers.api_server import Api
from kvx.errors import ExitCode, KvxError
from kvx.execute import Call, undo
from kvx.report import JsonLines
from kvx.steps.manifests import RemoveManifests
from kvx.targets import plan_for
from kvx.world import real_world

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "kubectl")

Kvx = Callable[..., subprocess.CompletedProcess[str]]


def test_render_prints_manifests_that_kvx_lint_finds_nothing_in(folder: Folder, kvx: Kvx) -> None:
    ended = kvx("kubernetes", "render", "--target", "cluster")
    assert ended.returncode == 0, ended.stderr
    assert "kind: Deployment" in ended.stdout
    rendered = folder.path / "rendered.yaml"
    rendered.write_text(ended.stdout)
    assert kvx("lint", str(rendered)).returncode == 0
    objects = json.loads(kvx("kubernetes", "render", "--json").stdout)["objects"]
    assert "Deployment voice-api" in names(objects)


def test_diff_ends_with_4_where_something_would_change_and_writes_nothing(
    folder: Folder, kvx: Kvx, server: Server, api: Api
) -> None:
    before = len(server.audited("kvx/"))
    ended = kvx("kubernetes", "diff")
    assert ended.returncode == 4, ended.stderr
    assert "added    Deployment voice-api in kvx, which the server could not look at yet" in ended.stdout
    assert ended.stdout.splitlines()[-1].endswith(" added")
    assert writes(server.audited("kvx/")[before:]) == []
    folder.apply()
    ended = kvx("kubernetes", "diff")
    assert (ended.returncode, ended.stdout) == (0, "nothing differs\n")


def test_diff_shows_the_lines_that_change_and_for_programs_too(
    folder: Folder, kvx: Kvx, server: Server, api: Api
) -> None:
    folder.apply()
    folder.set("most_replicas = 4\n" + 'cpu_quota = "4000m"')
    shown = kvx("kubernetes", "diff").stdout
    assert "changed  HorizontalPodAutoscaler voice-api in kvx\n" in shown
    assert "  -  maxReplicas: 3\n  +  maxReplicas: 4\n" in shown
    assert "managedFields" not in shown
    assert "resourceVersion" not in shown
    ended = kvx("kubernetes", "diff", "--json")
    document = json.loads(ended.stdout)
    assert (document["schema"], document["event"]) == ("kvx/kubernetes/v1", "diff")
    assert (document["changed"], document["added"], document["exit_code"]) == (2, 0, 4)
    assert {row["kind"] for row in document["objects"]} == {"HorizontalPodAutoscaler", "ResourceQuota"}


def test_the_plan_of_applying_is_printed_and_nothing_is_done(
    folder: Folder, kvx: Kvx, server: Server
) -> None:
    before = len(server.audited("kvx/"))
    ended = kvx("kubernetes", "apply", "--dry-run")
    assert ended.returncode == 0
    assert "kubectl kustomize" in ended.stdout
    assert writes(server.audited("kvx/")[before:]) == []


def test_what_lint_finds_stops_it_with_the_finding(folder: Folder, kvx: Kvx) -> None:
    folder.set('cpu_quota = "100m"')
    ended = kvx("kubernetes", "render")
    assert ended.returncode == 1
    assert "ResourceQuota" in ended.stderr
    assert "\nfix: " in ended.stderr


def test_doctor_tells_how_the_cluster_is(folder: Folder, kvx: Kvx) -> None:
    folder.set('components = ["monitoring"]')
    ended = kvx("doctor", "--target", "cluster")
    assert ended.returncode == 3
    lines = {line.split()[1]: line for line in ended.stdout.splitlines() if line[:1] != " "}
    assert lines["kubectl"].startswith("ok")
    assert "Kubernetes v1." in lines["cluster"]
    assert lines["rights"].startswith("ok")
    assert lines["autoscaling"].startswith("note")
    assert "metrics-server" in lines["autoscaling"]
    assert lines["monitoring"].startswith("missing")
    assert "the Prometheus operator" in lines["monitoring"]


def test_doctor_tells_which_secret_and_which_volume_a_component_waits_for(
    folder: Folder, kvx: Kvx, api: Api
) -> None:
    image = f"docker.io/library/postgres@sha256:{'a' * 64}"
    folder.set(f'components = ["postgres"]\npostgres_image = "{image}"')
    ended = kvx("doctor", "--target", "cluster")
    assert "the component postgres reads the Secret postgres" in ended.stdout
    assert "no storage class is the default one, of which postgres want volumes" in ended.stdout
    assert ended.returncode == int(ExitCode.MISSING)
    folder.set()
    folder.apply()
    about = {"name": "postgres", "namespace": "kvx"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": {"password": "hunter2"}}
    api.create("/api/v1/namespaces/kvx/secrets", secret)
    folder.set(f'components = ["postgres"]\npostgres_image = "{image}"')
    ended = kvx("doctor", "--target", "cluster")
    assert "the Secret postgres has no url" in ended.stdout
    api.patch(
        "/api/v1/namespaces/kvx/secrets/postgres", {"stringData": {"url": "postgresql://hunter2@postgres"}}
    )
    ended = kvx("doctor", "--target", "cluster")
    assert "the Secret postgres is there" in ended.stdout
    assert "hunter2" not in ended.stdout


def test_an_image_of_others_is_named_by_its_digest_or_refused_with_what_to_write(
    folder: Folder, kvx: Kvx
) -> None:
    folder.set('components = ["postgres"]')
    ended = kvx("kubernetes", "render")
    assert ended.returncode == int(ExitCode.MISSING)
    assert "the component postgres runs an image of yours, and none is named" in ended.stderr
    assert 'set kubernetes.postgres_image = "NAME@sha256:..."' in ended.stderr
    folder.set('components = ["postgres"]\npostgres_image = "docker.io/library/postgres:17"')
    ended = kvx("kubernetes", "render")
    assert ended.returncode == int(ExitCode.USAGE)
    assert "which can be another one tomorrow" in ended.stderr


def test_a_file_of_engines_goes_along_with_the_component_that_lets_pods_reach_them(
    folder: Folder, kvx: Kvx
) -> None:
    (folder.path / "mine.toml").write_text('[callers.anyone]\npolicy = "local"\n')
    image = f"docker.io/library/postgres@sha256:{'a' * 64}"
    folder.set(voice='engines_file = "mine.toml"')
    ended = kvx("kubernetes", "render")
    assert ended.returncode == int(ExitCode.USAGE)
    assert 'add "cloud-engine" to kubernetes.components' in ended.stderr
    folder.set(f'components = ["cloud-engine"]\npostgres_image = "{image}"', 'engines_file = "mine.toml"')
    ended = kvx("kubernetes", "render", "--json")
    assert ended.returncode == 0, ended.stderr
    objects = {each["metadata"]["name"]: each for each in json.loads(ended.stdout)["objects"]}
    (engines,) = [each for name, each in objects.items() if name.startswith("voice-api-engines-")]
    assert engines["data"] == {"engines.toml": '[callers.anyone]\npolicy = "local"\n'}
    assert image in ended.stdout


def test_own_sentences_go_along_and_an_identity_provider_only_where_a_way_to_it_is_opened(
    folder: Folder, kvx: Kvx
) -> None:
    (folder.path / "mine.yaml").write_text("intents: {}\n")
    image = f"docker.io/library/postgres@sha256:{'a' * 64}"
    issuer = 'oidc_issuer = "https://login.example"\noidc_audience = "kvx"'
    folder.set(voice=issuer)
    ended = kvx("kubernetes", "render")
    assert ended.returncode == int(ExitCode.USAGE)
    assert 'add "identity-provider" to kubernetes.components' in ended.stderr
    folder.set(
        f'components = ["identity-provider"]\npostgres_image = "{image}"',
        f'grammar_file = "mine.yaml"\n{issuer}',
    )
    ended = kvx("kubernetes", "render", "--json")
    assert ended.returncode == 0, ended.stderr
    maps = [each for each in json.loads(ended.stdout)["objects"] if each["kind"] == "ConfigMap"]
    (sentences,) = [each for each in maps if each["metadata"]["name"].startswith("voice-api-sentences-")]
    assert sentences["data"] == {"sentences.yaml": "intents: {}\n"}
    (settings,) = [each for each in maps if each["metadata"]["name"].startswith("voice-api-settings-")]
    assert settings["data"]["KVX_VOICE_OIDC_ISSUER"] == "https://login.example"
    assert settings["data"]["KVX_VOICE_OIDC_AUDIENCE"] == "kvx"
    assert settings["data"]["KVX_VOICE_USERS_FILE"]


def test_doctor_tells_which_rights_are_missing(folder: Folder, kvx: Kvx, server: Server, api: Api) -> None:
    poor = server.kubeconfig({"token": "powerless-token"}, name="powerless")
    Folder(folder.path, poor).set()
    ended = kvx("doctor", "--target", "cluster")
    assert ended.returncode == 3
    assert "may not get namespaces, list namespaces, create namespaces and " in ended.stdout


def test_cleanup_asks_like_every_other_and_takes_away_what_is_kvxs(
    folder: Folder, kvx: Kvx, api: Api
) -> None:
    folder.apply()
    assert kvx("cleanup", "--target", "cluster").returncode == 3, "nobody to ask"
    assert "its namespace last" in kvx("cleanup", "--target", "cluster", "--dry-run").stdout
    ended = kvx("cleanup", "--target", "cluster", "--yes", timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert api.find({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kvx"}}) is None
    assert api.list("/apis/rbac.authorization.k8s.io/v1/clusterroles", labelSelector=MEMBER) == ()
    assert api.list("/apis/scheduling.k8s.io/v1/priorityclasses", labelSelector=MEMBER) == ()
    assert not (folder.path / ".kvx").exists()
    ended = kvx("cleanup", "--target", "cluster", "--yes")
    assert (ended.returncode, ended.stdout.partition(":")[0]) == (0, "There is nothing to take away")


def test_wait_for_lock_waits_for_a_kvx_that_works_on_the_cluster_from_another_machine(
    folder: Folder, kvx: Kvx, api: Api
) -> None:
    folder.apply()
    path = cluster_lease.path_of("kvx")

    def hold(seconds: int) -> None:
        held = api.get(path)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        theirs = {
            "holderIdentity": "ada@laptop, process 1",
            "renewTime": now,
            "leaseDurationSeconds": seconds,
        }
        metadata = {**held["metadata"], "annotations": {"kvx/host": "laptop"}}
        api.replace(path, {**held, "metadata": metadata, "spec": {**held["spec"], **theirs}})

    hold(seconds=600)
    refused = kvx("cleanup", "--target", "cluster", "--yes")
    assert refused.returncode == int(ExitCode.MISSING), refused.stderr
    assert "another kvx applies to this cluster: ada@laptop" in refused.stderr
    assert "--wait-for-lock 600" in refused.stderr
    hold(seconds=1)
    ended = kvx("cleanup", "--target", "cluster", "--yes", "--wait-for-lock", "100", timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert not (folder.path / ".kvx").exists()


def test_every_command_that_writes_to_the_cluster_waits_as_long_as_wait_for_lock_says(
    folder: Folder,
) -> None:
    folder.set("lease_wait_seconds = 20")
    waits = {asked: deployment_from(folder.path, wait_for_lock=asked) for asked in (0, 7, 600)}
    seconds = {asked: each.settings.kubernetes.lease_wait_seconds for asked, each in waits.items()}
    assert seconds == {0: 20, 7: 20, 600: 600}


def test_a_namespace_with_something_of_somebody_else_stays(folder: Folder, api: Api) -> None:
    folder.apply()
    space = "/api/v1/namespaces/kvx/secrets"
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": "kvx"}}
    api.create(space, theirs)
    step = RemoveManifests(folder.path / ".kvx/cluster", folder.steps()[1].where)
    outcome = removing.perform(step, real_world())
    assert "as others have Secret theirs in it" in outcome.lines[-1]
    assert api.find(theirs) is not None
    assert names(api.list("/apis/apps/v1/namespaces/kvx/deployments")) == set()
    assert removing.is_done(step, real_world())
    folder.apply()
    assert folder.is_done()


def test_what_holds_up_a_namespace_is_told_in_its_controllers_words() -> None:
    conditions = [
        {"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "Discovery failed"},
        {"type": "NamespaceContentRemaining", "status": "False", "message": "All content removed"},
    ]
    assert list(removing.held_up({"status": {"conditions": conditions}})) == ["Discovery failed"]
    assert list(removing.held_up({})) == []


def test_cleanup_that_was_broken_off_goes_on(folder: Folder, api: Api) -> None:
    folder.apply()
    api.delete("/apis/apps/v1/namespaces/kvx/deployments/voice-api")
    api.delete("/api/v1/namespaces/kvx/services/voice-api")
    deployment = deployment_from(folder.path)
    drivers = StandingDrivers(Standing())
    from io import StringIO

    report = JsonLines(StringIO(), "kvx/cleanup/v1")
    undo(plan_for(deployment), deployment, drivers, report, real_world(), call=Call("kvx cleanup"))
    assert api.find({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kvx"}}) is None


def test_a_wrong_context_is_told_before_anything_is_done(folder: Folder, kvx: Kvx) -> None:
    folder.set('context = "elsewhere"')
    ended = kvx("kubernetes", "diff")
    assert ended.returncode == int(ExitCode.USAGE)
    assert "has no context elsewhere, only " in ended.stderr


def test_a_version_that_does_not_serve_ends_with_the_reason(folder: Folder, api: Api) -> None:
    with pytest.raises(KvxError, match="the pods crash"):
        folder.apply(Standing(KvxError("the pods crash", "kubectl logs")))
    assert api.list("/api/v1/namespaces/kvx/configmaps", labelSelector="kvx/release") == ()
    assert not api.get("/apis/coordination.k8s.io/v1/namespaces/kvx/leases/kvx")["spec"]["holderIdentity"]
