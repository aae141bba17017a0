"""Roles k3s, k3s_server, k3s_agent, etcd_snapshots: the cluster, and what lies on its nodes."""

import json

from standing_nodes import Node, Nodes


def _kubectl(node: Node, words: str) -> dict[str, list[dict[str, dict[str, object]]]]:
    return dict(json.loads(node.says(f"/usr/local/bin/k3s kubectl {words} -o json")))


def test_every_node_is_ready_under_the_name_the_inventory_gives_it(nodes: Nodes) -> None:
    living = _kubectl(nodes.servers[0], "get nodes")["items"]
    ready = {
        str(node["metadata"]["name"])
        for node in living
        for condition in node["status"]["conditions"]  # type: ignore[attr-defined]
        if condition["type"] == "Ready" and condition["status"] == "True"
    }
    assert ready == {node.name for node in nodes.all}


def test_every_node_is_known_by_its_private_address(nodes: Nodes) -> None:
    living = _kubectl(nodes.servers[0], "get nodes")["items"]
    told = {
        node["metadata"]["name"]: address["address"]
        for node in living
        for address in node["status"]["addresses"]  # type: ignore[attr-defined]
        if address["type"] == "InternalIP"
    }
    assert told == {node.name: node.private_ip for node in nodes.all}


def test_every_server_has_a_healthy_member_of_etcd_that_votes(nodes: Nodes) -> None:
    for node in nodes.servers:
        assert "true" in node.says("curl -fsS http://127.0.0.1:2381/health"), node.name
        figures = node.says("curl -fsS http://127.0.0.1:2381/metrics").splitlines()
        assert "etcd_server_is_learner 0" in figures, node.name
        assert "etcd_server_has_leader 1" in figures, node.name


def test_units_run_and_start_with_the_machine(nodes: Nodes) -> None:
    for node in nodes.all:
        unit = node.machine.service("k3s" if node.is_server else "k3s-agent")
        assert unit.is_running, node.name
        assert unit.is_enabled, node.name


def test_secrets_are_read_by_root_alone(nodes: Nodes) -> None:
    for node in nodes.all:
        paths = ["/etc/rancher/k3s/token", "/etc/rancher/k3s/config.yaml"]
        if node.is_server:
            paths += ["/etc/rancher/k3s/k3s.yaml", "/etc/rancher/k3s/agent-token"]
            paths += ["/etc/rancher/k3s/config.yaml.d/etcd-snapshots.yaml"]
        for path in paths:
            file = node.machine.file(path)
            assert (file.user, file.mode & 0o077) == ("root", 0), f"{node.name}: {path} is {file.mode:o}"


def test_an_agent_does_not_hold_the_token_of_servers(nodes: Nodes) -> None:
    of_servers = (nodes.handed_over / "k3s-token").read_text().strip()
    for node in nodes.agents:
        assert of_servers not in node.machine.file("/etc/rancher/k3s/token").content_string, node.name


def test_a_pod_that_asks_for_too_much_is_refused(nodes: Nodes) -> None:
    server = nodes.servers[0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": "default"},
        "spec": {"containers": [{"name": "a", "image": "a", "securityContext": {"privileged": True}}]},
    }
    asked = server.machine.run(
        f"echo '{json.dumps(pod)}' | /usr/local/bin/k3s kubectl create --dry-run=server -f -"
    )
    assert asked.rc != 0
    assert "violates PodSecurity" in asked.stderr


def test_what_is_changed_is_written_down_and_no_secret_is(nodes: Nodes) -> None:
    server = nodes.servers[0]
    kubectl = "/usr/local/bin/k3s kubectl"
    server.says(f"{kubectl} create secret generic kvx-audited --from-literal=word=kvx-canary-7731")
    server.says(f"{kubectl} delete secret kvx-audited")
    written = server.says("cat /var/log/kubernetes/audit.log")
    assert "kvx-audited" in written
    assert "kvx-canary-7731" not in written


def test_secrets_are_encrypted_where_they_are_kept(nodes: Nodes) -> None:
    assert "Enabled" in nodes.servers[0].says("/usr/local/bin/k3s secrets-encrypt status")


def test_etcd_is_saved_by_a_schedule(nodes: Nodes) -> None:
    for node in nodes.servers:
        settings = node.machine.file("/etc/rancher/k3s/config.yaml.d/etcd-snapshots.yaml").content_string
        assert "etcd-snapshot-schedule-cron: 0 */6 * * *" in settings, node.name


def test_the_kernel_is_as_the_kubelet_expects(nodes: Nodes) -> None:
    for node in nodes.all:
        assert node.machine.sysctl("kernel.panic") == 10, node.name
        assert node.machine.sysctl("vm.overcommit_memory") == 1, node.name
