"""Role base, as a person would look at it."""

import subprocess

from standing_nodes import Nodes


def test_nobody_comes_in_by_password(nodes: Nodes) -> None:
    for node in nodes.all:
        effective = node.says("sshd -T").splitlines()
        assert "passwordauthentication no" in effective, node.name
        assert "kbdinteractiveauthentication no" in effective, node.name
        assert "permitrootlogin without-password" in effective, node.name
        assert "allowagentforwarding no" in effective, node.name


def test_a_password_is_not_even_asked_for(nodes: Nodes) -> None:
    for node in nodes.all:
        known = nodes.handed_over / "known_hosts.d" / node.address
        options = ["PubkeyAuthentication=no", "BatchMode=yes", f"UserKnownHostsFile={known}"]
        asked = subprocess.run(
            [
                "ssh",
                "-F",
                "none",
                *(word for each in options for word in ("-o", each)),
                f"root@{node.address}",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert asked.returncode == 255, node.name
        assert "Permission denied (publickey)" in asked.stderr, node.name


def test_security_updates_come_in_and_reboot_nothing(nodes: Nodes) -> None:
    for node in nodes.all:
        assert node.machine.package("unattended-upgrades").is_installed, node.name
        settings = node.says("apt-config dump").splitlines()
        assert 'APT::Periodic::Unattended-Upgrade "1";' in settings, node.name
        assert 'Unattended-Upgrade::Automatic-Reboot "false";' in settings, node.name


def test_the_journal_has_limits(nodes: Nodes) -> None:
    for node in nodes.all:
        settings = node.says("systemd-analyze cat-config systemd/journald.conf").splitlines()
        assert "SystemMaxUse=500M" in settings, node.name
        assert node.machine.service("systemd-journald").is_running, node.name


def test_logs_are_rotated_daily(nodes: Nodes) -> None:
    for node in nodes.all:
        settings = node.machine.file("/etc/logrotate.conf").content_string.splitlines()
        assert {"daily", "rotate 14", "compress"} <= set(settings), node.name
        assert node.machine.run("logrotate --debug /etc/logrotate.conf").rc == 0, node.name
        assert node.machine.service("logrotate.timer").is_enabled, node.name


def test_a_log_is_rotated_when_its_day_has_come(nodes: Nodes) -> None:
    node = nodes.all[0]
    node.says(
        "rm -f /var/log/kvx-rotated.log* && echo line > /var/log/kvx-rotated.log &&"
        " (grep -v include /etc/logrotate.conf; echo '/var/log/kvx-rotated.log { }') > /run/kvx-rotate &&"
        " logrotate --force --state /run/kvx-rotate-state /run/kvx-rotate"
    )
    assert node.machine.file("/var/log/kvx-rotated.log.1.gz").exists, node.name
    node.says("rm -f /var/log/kvx-rotated.log* /run/kvx-rotate*")


def test_clocks_agree(nodes: Nodes) -> None:
    import time

    for node in nodes.all:
        before = time.time()
        theirs = int(node.says("date +%s"))
        assert before - 5 <= theirs <= time.time() + 5, node.name
        assert node.says("date +%Z") == "UTC", node.name
