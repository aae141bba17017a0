"""The command `hosts`: up, start, kill, stop, ssh, status, down."""

import argparse
import os
import sys
import time

from systemd_hosts import power
from systemd_hosts.fleet import Fleet, standing
from systemd_hosts.lifecycle import bring_down, bring_up, missing, refuse_what_cannot_run
from systemd_hosts.template import HostsError, built_template, template_folder


def main() -> None:
    arguments = _parser().parse_args()
    try:
        sys.exit(_run(arguments))
    except HostsError as error:
        print(f"hosts: {error}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hosts", description="Debian machines with systemd, reached by SSH."
    )
    parser.add_argument("--fleet", type=int, default=0, choices=range(70), metavar="NUMBER", help="0 to 69")
    verbs = parser.add_subparsers(dest="verb", required=True)
    template = verbs.add_parser("template", help="make the root file system all start from")
    template.add_argument("--where", action="store_true", help="only say where it lies")
    template.add_argument("--architecture", default="amd64", choices=("amd64", "arm64"))
    up = verbs.add_parser("up", help="bring hosts up; of three or more, the first three are servers")
    up.add_argument("count", type=int)
    up.add_argument("--architecture", default="amd64", choices=("amd64", "arm64"))
    for verb, what in {"start": "start it", "kill": "pull its plug", "stop": "shut it down"}.items():
        verbs.add_parser(verb, help=what).add_argument("host")
    shell = verbs.add_parser("ssh", help="run a command on it")
    shell.add_argument("host")
    shell.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("check", help="whether hosts can stand here")
    verbs.add_parser("status", help="which are on, and how they are reached")
    verbs.add_parser("down", help="take all away and put everything back")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    if arguments.verb == "template":
        if not arguments.where:
            refuse_what_cannot_run(arguments.architecture)
            built_template(arguments.architecture)
        print(template_folder(arguments.architecture))
        return 0
    if (reason := missing()) is not None:
        raise HostsError(reason)
    if arguments.verb == "check":
        return 0
    if arguments.verb == "up":
        return _up(arguments)
    if arguments.verb == "down":
        bring_down(arguments.fleet)
        return 0
    fleet = standing(arguments.fleet)
    if fleet is None:
        raise HostsError("no hosts are up; bring some up with `hosts up 5`")
    return _status(fleet) if arguments.verb == "status" else _one(fleet, arguments)


def _up(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    fleet = bring_up(arguments.fleet, arguments.count, arguments.architecture)
    print(f"hosts: {len(fleet.hosts)} hosts are up after {time.monotonic() - began:.1f} s", file=sys.stderr)
    return _status(fleet)


def _status(fleet: Fleet) -> int:
    for host in fleet.hosts:
        state = "on" if power.is_on(host) else "off"
        print(f"{host.number}  {host.name:22} {host.public_ip:14} {host.private_ip:14} {state}")
    print(f"inventory    {fleet.inventory}\nkey          {fleet.key}\nknown hosts  {fleet.known_hosts}")
    return 0


def _one(fleet: Fleet, arguments: argparse.Namespace) -> int:
    try:
        host = fleet.host(arguments.host)
    except KeyError:
        raise HostsError(f"there is no host {arguments.host}; `hosts status` lists them") from None
    if arguments.verb == "ssh":
        command = [*power.ssh_command(fleet, host), *arguments.command]
        os.execvp(command[0], command)
    if arguments.verb == "start":
        power.start(host)
        power.await_login(fleet, host)
    else:
        (power.kill if arguments.verb == "kill" else power.stop)(host)
    return 0
