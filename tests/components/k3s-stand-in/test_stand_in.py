"""The stand-in of k3s behaves as the roles will find k3s to behave, on three servers and two agents."""

import json
import time
from itertools import count

import pytest
from stand_in_cluster import DATABASE, TOKEN, VERSIONS, WAIT_SECONDS, Cluster, bring_up, release, within
from systemd_hosts import power
from systemd_hosts.fleet import Fleet

pytestmark = [pytest.mark.needs("hosts", "k3s-stand-in"), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def cluster(hosts: Fleet) -> Cluster:
    began = time.monotonic()
    made = bring_up(hosts, release(VERSIONS[0]) / "k3s")
    print(f"cluster of 3 + 2 after {time.monotonic() - began:.1f} s")
    return made


def test_three_servers_vote_and_say_so(cluster: Cluster) -> None:
    assert cluster.voters() == {host.private_ip for host in cluster.fleet.servers}
    within(WAIT_SECONDS, "nodes say that they vote", lambda: _voting(cluster) == 3)


def _voting(cluster: Cluster) -> int:
    return sum(node.get("EtcdIsVoter") == "True" for node in cluster.nodes().values())


@pytest.mark.parametrize("kind", ["server", "agent"])
def test_a_setting_that_k3s_does_not_know_is_refused(cluster: Cluster, kind: str) -> None:
    refused = cluster.attempt(cluster.fleet.agents[0], f"k3s {kind} --no-such-thing=1")
    assert refused.returncode == 1
    assert "flag provided but not defined: -no-such-thing" in refused.stderr


def test_a_kubelet_argument_that_does_not_exist_is_refused(cluster: Cluster) -> None:
    command = (
        "k3s agent --server https://127.0.0.1:1 --token x --data-dir /tmp/k --kubelet-arg=no-such-thing=1"
    )
    refused = cluster.attempt(cluster.fleet.agents[0], command)
    assert refused.returncode == 1
    assert "unknown flag: --no-such-thing" in refused.stderr


def test_a_server_with_a_wrong_password_is_refused(cluster: Cluster) -> None:
    command = f"k3s server --server https://{cluster.first.private_ip}:6443 --data-dir /tmp/k --token wrong"
    refused = cluster.attempt(cluster.fleet.agents[0], command)
    assert refused.returncode == 1
    assert "401 Unauthorized" in refused.stderr


def test_a_server_with_the_token_of_another_cluster_is_refused(cluster: Cluster) -> None:
    foreign = f"K10{'0' * 64}::server:{TOKEN}"
    command = (
        f"k3s server --server https://{cluster.first.private_ip}:6443 --data-dir /tmp/k --token {foreign}"
    )
    refused = cluster.attempt(cluster.fleet.agents[0], command)
    assert refused.returncode == 1
    assert "token CA hash does not match" in refused.stderr


def test_an_agent_that_takes_the_name_of_another_is_refused(cluster: Cluster) -> None:
    thief, victim = cluster.fleet.agents
    steal = (
        f"k3s agent --server https://{cluster.first.private_ip}:6443 --data-dir /tmp/k"
        f" --token {TOKEN} --node-ip {thief.private_ip} --node-name {victim.name} --lb-server-port 7444"
    )
    command = f"timeout 60 sh -c '{steal} 2>&1 | grep -m 1 \"Node password rejected\"'"
    within(WAIT_SECONDS, "it is rejected", lambda: cluster.attempt(thief, command).returncode == 0)


def test_nobody_is_let_in_without_a_certificate(cluster: Cluster) -> None:
    script = (
        "import ssl,urllib.request as u,urllib.error as e\n"
        "c=ssl._create_unverified_context()\n"
        "try: u.urlopen('https://127.0.0.1:6443/api/v1/secrets',context=c)\n"
        "except e.HTTPError as x: print(x.code)\n"
    )
    assert cluster.run(cluster.first, f'python3 -c "{script}"').strip() == "401"


def test_secrets_lie_encrypted_in_etcd(cluster: Cluster) -> None:
    cluster.kubectl("create secret generic hidden --from-literal=word=plainly-readable")
    path = f"{DATABASE}/member/snap/db"
    assert cluster.attempt(cluster.first, f"grep -q k8s:enc:aescbc {path}").returncode == 0
    assert cluster.attempt(cluster.first, f"grep -rq plainly-readable {DATABASE}/member").returncode == 1


def test_a_drained_node_lets_its_pods_go(cluster: Cluster) -> None:
    leaving, staying = cluster.fleet.agents
    cluster.kubectl("create deployment idle --image=nothing --replicas=4")
    cluster.kubectl("patch deployment idle -p " + json.dumps(json.dumps(_only_on_workers())))
    cluster.kubectl("rollout status deployment idle --timeout=200s")
    cluster.run(cluster.first, f"kubectl drain {leaving.name} --ignore-daemonsets --timeout=200s")
    cluster.kubectl("rollout status deployment idle --timeout=200s")
    pods = json.loads(cluster.kubectl("get pods -l app=idle -o json"))["items"]
    assert {pod["spec"]["nodeName"] for pod in pods if "deletionTimestamp" not in pod["metadata"]} == {
        staying.name
    }
    cluster.kubectl(f"uncordon {leaving.name}")
    cluster.kubectl("delete deployment idle")


def _only_on_workers() -> dict[str, object]:
    return {"spec": {"template": {"spec": {"nodeSelector": {"kvx/pool": "workers"}}}}}


def test_the_others_go_on_when_a_server_loses_its_power(cluster: Cluster) -> None:
    lost = cluster.first
    power.kill(lost)
    other = cluster.fleet.servers[1]
    numbers = count()  # what was given up by the clock may have been written all the same
    create = "kubectl --request-timeout=5s create ns during-loss-"
    outage = within(
        WAIT_SECONDS,
        "the API takes writes without the first server",
        lambda: cluster.attempt(other, f"{create}{next(numbers)}").returncode == 0,
    )
    power.start(lost)
    power.await_login(cluster.fleet, lost)
    back = within(WAIT_SECONDS, "it is back", lambda: _answers(cluster))
    within(WAIT_SECONDS, "all are ready", lambda: cluster.ready(cluster.fleet.hosts))
    print(f"writes again after {outage:.1f} s, server back after {back:.1f} s")


def _answers(cluster: Cluster) -> bool:
    return cluster.attempt(cluster.first, "kubectl get --raw /readyz").returncode == 0


def test_programs_do_not_outlive_a_killed_k3s(cluster: Cluster) -> None:
    host = cluster.fleet.servers[2]
    cluster.run(host, "systemctl kill --kill-whom=main -s KILL k3s")
    within(WAIT_SECONDS, "etcd is gone", lambda: cluster.attempt(host, "pgrep -x etcd").returncode == 1)
    within(WAIT_SECONDS, "systemd has started it again", lambda: _active(cluster))
    assert cluster.voters() == {host.private_ip for host in cluster.fleet.servers}


def _active(cluster: Cluster) -> bool:
    host = cluster.fleet.servers[2]
    return cluster.attempt(host, "kubectl get --raw /readyz").returncode == 0


def test_a_server_whose_node_is_deleted_leaves_etcd_and_may_come_back(cluster: Cluster) -> None:
    host = cluster.fleet.servers[2]
    cluster.run(host, "systemctl stop k3s")
    cluster.kubectl(f"delete node {host.name}")
    within(WAIT_SECONDS, "its member is gone", lambda: host.private_ip not in cluster.voters())
    cluster.run(host, f"rm -rf {DATABASE}")
    cluster.start(host)
    assert host.private_ip in cluster.voters()


def test_a_node_that_is_deleted_while_it_runs_comes_back_when_it_starts_again(cluster: Cluster) -> None:
    host = cluster.fleet.agents[1]
    cluster.kubectl(f"delete node {host.name}")
    time.sleep(12)
    assert host.name not in cluster.nodes()
    cluster.run(host, "systemctl restart k3s", seconds=2 * WAIT_SECONDS)
    within(WAIT_SECONDS, "it is there", lambda: host.name in cluster.nodes())


def test_another_version_shows_where_it_runs(cluster: Cluster) -> None:
    """Upgrading a whole cluster is the drills' part."""
    host = cluster.fleet.agents[0]
    cluster.install(host, release(VERSIONS[1]) / "k3s")
    cluster.run(host, "systemctl restart k3s", seconds=2 * WAIT_SECONDS)
    within(WAIT_SECONDS, "it shows", lambda: cluster.nodes()[host.name]["version"] == VERSIONS[1])
    others = {node["version"] for name, node in cluster.nodes().items() if name != host.name}
    assert others == {VERSIONS[0]}
    assert f"k3s version {VERSIONS[1]}" in cluster.run(host, "k3s --version")


def test_a_snapshot_brings_back_what_was_and_forgets_what_came_after(cluster: Cluster) -> None:
    """On the first server; how the others come back is the drills' part. No test may come after this one."""
    first = cluster.first
    cluster.kubectl("create configmap before")
    cluster.run(first, "k3s etcd-snapshot save --name drill")
    listed = cluster.run(first, "k3s etcd-snapshot list").splitlines()
    name = next(line.split()[0] for line in listed if line.startswith("drill-"))
    cluster.kubectl("create configmap after")
    for host in cluster.fleet.servers:
        cluster.run(host, "systemctl stop k3s")
    path = f"/var/lib/rancher/k3s/server/db/snapshots/{name}"
    restored = cluster.attempt(first, f"k3s server --cluster-reset --cluster-reset-restore-path={path}")
    assert restored.returncode == 0, restored.stderr
    assert "restart without --cluster-reset flag now" in restored.stderr
    again = cluster.attempt(first, f"k3s server --cluster-reset --cluster-reset-restore-path={path}")
    assert "please remove the cluster-reset flag" in again.stderr
    cluster.start(first)
    assert cluster.voters() == {first.private_ip}
    found = cluster.kubectl("get configmaps -o name")
    assert "configmap/before" in found
    assert "configmap/after" not in found
