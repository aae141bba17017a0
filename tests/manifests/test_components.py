"""Components: each fits the quota that is added up for it, the programs it starts, and what kvx fills in."""

import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvx.cluster.kustomization import (
    ENGINES,
    SENTENCES,
    Image,
    Wanted,
    components_of,
    kustomization,
)
from kvx.cluster.room import ROOMS, quota_with
from kvx.lint.linting import lint
from kvx.lint.node import Node
from kvx.lint.quantity import quantity
from kvx.lint.reading import read
from voice_api.commands.language.check import interpreter
from voice_api.engines.file import read_engines
from voice_api.recording import in_database
from voice_api.settings import load_settings
from voice_api.thinking import thinks

pytestmark = pytest.mark.needs("kubectl")
WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


def of_voice_api(rendering: ModuleType, text: str) -> dict[str, Any]:
    found: dict[str, Any] = rendering.one(text, "Deployment", "voice-api")["spec"]["template"]["spec"]
    return found


def settings_of(rendering: ModuleType, text: str, name: str = "voice-api-settings") -> dict[str, str]:
    found: dict[str, str] = rendering.one(text, "ConfigMap", name)["data"]
    return found


@pytest.mark.parametrize("size", ["s", "m", "l"])
@pytest.mark.parametrize("name", sorted(ROOMS))
def test_a_component_breaks_no_rule_in_any_size_with_what_it_needs(
    name: str, size: str, rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", components_of((name,), size))
    assert lint([read(text, "cluster")]).findings == ()


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_a_component_written_into_a_kustomization_by_hand_brings_its_own_room(
    name: str, rendering: ModuleType
) -> None:
    """Beside size s, without kvx adding anything up."""
    patch = next((rendering.K8S / "components" / name).glob("resource-quota.yaml")).read_text()
    hard = rendering.objects(patch)[0]["spec"]["hard"]
    added = dict(quota_with(components_of((name,), "s"), "s"))
    for key in set(hard) - {"requests.memory", "limits.memory"}:
        assert quantity(Node(hard[key])) == quantity(Node(added[key])), key


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_the_room_of_a_component_is_what_its_pods_and_claims_may_have(
    name: str, rendering: ModuleType, tmp_path: Path
) -> None:
    before = components_of((name,), "s")[:-1]
    without = needs(rendering, rendering.with_components(tmp_path, "cluster", before))
    whole = needs(rendering, rendering.with_components(tmp_path, "cluster", (*before, name)))
    room = ROOMS[name]
    more = {key: whole[key] - without[key] for key in whole}
    expected = {"cpu": room.cpu / 1000, "memory": room.memory * 2**20, "pods": room.pods}
    claims = {"claims": room.claims, "storage": room.storage * 2**30}
    assert more == pytest.approx(expected | claims)  # thousandths of a processor


def needs(rendering: ModuleType, text: str) -> dict[str, float]:
    """Of one pod of each workload, and of all claims."""
    found: dict[str, float] = dict.fromkeys(("cpu", "memory", "pods", "claims", "storage"), 0)
    for each in rendering.objects(text):
        spec = each.get("spec") or {}
        if each["kind"] in WORKLOADS:
            spec = spec["jobTemplate"]["spec"] if each["kind"] == "CronJob" else spec
            for box in spec["template"]["spec"]["containers"]:
                for key in ("cpu", "memory"):
                    found[key] += float(quantity(Node(box["resources"]["limits"][key])) or 0)
            found["pods"] += 1
        claims = [each] if each["kind"] == "PersistentVolumeClaim" else spec.get("volumeClaimTemplates", ())
        for claim in claims:
            found["claims"] += 1
            amount = claim["spec"]["resources"]["requests"]["storage"]
            found["storage"] += float(quantity(Node(amount)) or 0)
    return found


def test_without_the_room_of_one_component_the_quota_is_too_small(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", ("voice-processor", "postgres"))
    small = text.replace("limits.cpu: 3000m", "limits.cpu: 2500m")
    assert text != small
    assert [each.rule for each in lint([read(small, "small")]).findings] == ["quota-too-small"]


def test_the_voice_api_finds_the_address_of_the_ledger_and_the_keys_where_its_settings_say(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "hetzner", components_of(("cloud-engine",), "s"))
    settings = load_settings(None, {}, settings_of(rendering, text))
    pod = of_voice_api(rendering, text)
    mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    ledger, engines = Path(settings.ledger_address_file), Path(settings.engines_file)
    assert [each["path"] for each in volumes[mounts[str(ledger.parent)]]["secret"]["items"]] == [ledger.name]
    assert volumes[mounts[settings.engine_keys_folder]]["secret"]["secretName"] == "voice-api-engines"
    config = volumes[mounts[str(engines.parent)]]["configMap"]["name"]
    assert engines.name in rendering.one(text, "ConfigMap", config)["data"]


def test_the_voice_api_finds_its_users_where_its_settings_say_and_all_replicas_write_one_journal(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "hetzner", components_of(("users",), "s"))
    settings = load_settings(None, {}, settings_of(rendering, text))
    pod = of_voice_api(rendering, text)
    mounts = {each["mountPath"]: each for each in pod["containers"][0]["volumeMounts"]}
    users = Path(settings.users_file)
    secret = next(each for each in pod["volumes"] if each["name"] == mounts[str(users.parent)]["name"])[
        "secret"
    ]
    assert ([each["path"] for each in secret["items"]], secret["defaultMode"]) == ([users.name], 0o440)
    assert mounts[str(users.parent)]["readOnly"]
    assert in_database(settings), "a volume is for one replica, and there are more"


def test_the_voice_api_finds_own_sentences_where_its_settings_say_and_understands_those_that_are_shipped(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", ("sentences",))
    file = Path(load_settings(None, {}, settings_of(rendering, text)).grammar_file)
    pod = of_voice_api(rendering, text)
    mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
    volume = next(each for each in pod["volumes"] if each["name"] == mounts[str(file.parent)])
    shipped = rendering.one(text, "ConfigMap", volume["configMap"]["name"])["data"][file.name]
    (tmp_path / "shipped.yaml").write_text(shipped)
    assert interpreter((tmp_path / "shipped.yaml",)).grammar.examples


def test_the_voice_api_asks_the_language_model_by_the_service_that_is_there(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", components_of(("language-model",), "s"))
    settings = load_settings(None, {}, settings_of(rendering, text))
    thinking = thinks(settings)
    thinking.close()
    host = settings.language_model_address.removeprefix("http://")
    assert rendering.one(text, "Service", host)["spec"]["ports"][0]["port"] == 80
    assert thinking.model is not None


def test_the_engines_that_are_shipped_are_understood_and_nobody_consents(rendering: ModuleType) -> None:
    file = rendering.K8S / "components" / "cloud-engine" / "engines.toml"
    assert set(read_engines(file).tables.engines) == {"hume"}
    callers = tomllib.loads(file.read_text())["callers"]
    assert callers == {"anyone": {"policy": "local", "consents": False}}


@pytest.mark.parametrize(
    ("component", "policy"),
    [("cloud-engine", "voice-api-to-engines"), ("identity-provider", "voice-api-to-identity-provider")],
)
def test_a_way_elsewhere_leads_to_no_private_network_and_to_no_other_port(
    rendering: ModuleType, tmp_path: Path, component: str, policy: str
) -> None:
    text = rendering.with_components(tmp_path, "hetzner", components_of((component,), "s"))
    way = rendering.one(text, "NetworkPolicy", policy)["spec"]["egress"][0]
    closed = [network for peer in way["to"] for network in peer["ipBlock"]["except"]]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= set(closed)
    assert way["ports"] == [{"port": 443}]


def test_nothing_but_the_voice_api_reaches_the_database_and_the_language_model(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", ("postgres", "language-model"))
    for name in ("postgres", "language-model"):
        policy = rendering.one(text, "NetworkPolicy", name)["spec"]
        (peer,) = [peer for rule in policy["ingress"] for peer in rule["from"]]
        assert peer == {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "voice-api"}}}
        assert policy["egress"] == []


def test_no_password_is_in_any_manifest_and_none_is_in_the_environment(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "hetzner", rendering.EVERYTHING)
    assert not [each for each in rendering.objects(text) if each["kind"] == "Secret"]
    assert "secretKeyRef" not in text
    assert "secretRef" not in text


def test_the_right_to_act_as_a_user_is_off_unless_it_is_switched_on_and_ends_at_three_groups(
    rendering: ModuleType, tmp_path: Path
) -> None:
    plain = rendering.rendered(rendering.K8S / "overlays" / "hetzner")
    assert "impersonate" not in plain
    text = rendering.with_components(tmp_path, "hetzner", ("impersonation",))
    rules = rendering.one(text, "ClusterRole", "kvx-voice-api-impersonator")["rules"]
    assert [each["verbs"] for each in rules] == [["impersonate"]] * 2
    (groups,) = [each for each in rules if each["resources"] == ["groups"]]
    assert groups["resourceNames"] == ["kvx:viewers", "kvx:operators", "kvx:admins"]


def test_cleaning_runs_every_six_hours_as_the_processor_beside_it(
    rendering: ModuleType, tmp_path: Path
) -> None:
    text = rendering.with_components(tmp_path, "cluster", components_of(("persistence",), "s"))
    job = rendering.one(text, "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    processor = rendering.one(text, "Deployment", "voice-processor")["spec"]["template"]["spec"]
    assert job["spec"]["schedule"].split()[1] == "*/6"
    assert pod["containers"][0]["image"] == processor["containers"][0]["image"]
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for each in (pod, processor)
        for volume in each["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert len(set(claims)) == 1
    storage = rendering.one(text, "PersistentVolumeClaim", claims[0])["spec"]["resources"]["requests"][
        "storage"
    ]
    settings = load_settings(
        None,
        {},
        settings_of(rendering, text) | settings_of(rendering, text, "voice-processor-settings"),
    )
    assert storage == "10Gi"
    assert 2 * settings.jobs_bytes <= (quantity(Node(storage)) or 0)
    assert settings.jobs_keep_seconds == 7 * 24 * 3600


def test_images_of_others_and_files_of_ones_own_reach_the_objects(
    rendering: ModuleType, tmp_path: Path
) -> None:
    digest = f"sha256:{'7' * 64}"
    above = Path(*[".."] * len(tmp_path.resolve().relative_to("/").parts)) / rendering.K8S.relative_to("/")
    chosen = components_of(("language-model", "cloud-engine", "sentences"), "s")
    own = ((ENGINES, tmp_path / "mine.toml"), (SENTENCES, tmp_path / "mine.yaml"))
    wanted = Wanted("hetzner", chosen, quota=quota_with(chosen, "s"), own=own)
    images = [
        Image(f"kvx.invalid/{name}", f"r.example/{name}", digest) for name in ("postgres", "language-model")
    ]
    for each, content in ((ENGINES, "[callers.anyone]\n"), (SENTENCES, "intents: {}\n")):
        (tmp_path / each.folder).mkdir()
        (tmp_path / each.folder / "kustomization.yaml").write_text(each.component)
        (tmp_path / each.folder / each.name).write_text(content)
    overlay, components = str(above / "overlays" / "hetzner"), str(above / "components")
    (tmp_path / "kustomization.yaml").write_text(kustomization(wanted, images, overlay, components))
    text = rendering.rendered(tmp_path)
    database = rendering.one(text, "StatefulSet")["spec"]["template"]["spec"]["containers"][0]
    assert database["image"] == f"r.example/postgres@{digest}"
    model = rendering.one(text, "Deployment", "language-model")["spec"]["template"]["spec"]["containers"][0]
    assert model["image"] == f"r.example/language-model@{digest}"
    engines = rendering.one(text, "ConfigMap", "voice-api-engines")
    assert (engines["data"], engines["immutable"]) == ({"engines.toml": "[callers.anyone]\n"}, True)
    sentences = rendering.one(text, "ConfigMap", "voice-api-sentences")
    assert sentences["data"] == {"sentences.yaml": "intents: {}\n"}
    assert lint([read(text, "hetzner")]).findings == ()
