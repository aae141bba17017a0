"""All rules, by what they are about."""

from collections.abc import Mapping

from kvx.lint.rule import Rule
from kvx.lint.rules import (
    access,
    accounts,
    autoscaling,
    availability,
    budgets,
    configuration,
    jobs,
    network,
    network_ports,
    node_reach,
    placing,
    pod_security,
    probes,
    quotas,
    resources,
    services,
    text,
)

GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "what a pod may do to its node": (*node_reach.RULES, *pod_security.RULES),
    "images and resources": resources.RULES,
    "probes, start and end": probes.RULES,
    "staying up": (*availability.RULES, *budgets.RULES),
    "autoscaling": autoscaling.RULES,
    "quotas": quotas.RULES,
    "services": services.RULES,
    "network": (*network.RULES, *network_ports.RULES),
    "rights": (*access.RULES, *accounts.RULES),
    "settings and secrets": configuration.RULES,
    "objects": (*placing.RULES, *jobs.RULES),
    "text": text.RULES,
}
RULES: tuple[Rule, ...] = tuple(rule for rules in GROUPS.values() for rule in rules)
BY_ID: Mapping[str, Rule] = {rule.id: rule for rule in RULES}
