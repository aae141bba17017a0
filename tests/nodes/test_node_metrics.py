"""Role node_metrics: figures, on the private address alone, with those of other programs."""

from standing_nodes import Nodes


def test_figures_are_had_on_the_private_address_alone(nodes: Nodes) -> None:
    for node in nodes.all:
        listening = [line.split()[3] for line in node.says("ss -ltnH").splitlines() if ":9100 " in line]
        assert listening == [f"{node.private_ip}:9100"], node.name


def test_a_program_adds_figures_of_its_own(nodes: Nodes) -> None:
    node = nodes.all[0]
    folder = "/var/lib/prometheus/node-exporter"
    node.says(f"printf '# HELP kvx_test A test.\\n# TYPE kvx_test gauge\\nkvx_test 7\\n' > {folder}/kvx.prom")
    try:
        figures = node.says(f"curl -fsS http://{node.private_ip}:9100/metrics").splitlines()
        assert "kvx_test 7" in figures
    finally:
        node.says(f"rm {folder}/kvx.prom")
