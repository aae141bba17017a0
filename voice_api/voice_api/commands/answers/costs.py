"""What the cluster costs, as kvx's report says it: the ConfigMap that the component cost-report fills."""

import re

from voice_api.cluster.protocol import Cluster
from voice_api.commands.answers.reading import shortly
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call
from voice_api.errors import VoiceApiError

NAMESPACE, NAME = "kvx", "cost-report"
# As `kvx cost` writes it: "kvx cost 2026-11: 12.34 of 40 EUR net so far, 20.10 by the month's end ...".
LINE = re.compile(
    r"kvx cost (?P<month>\d{4}-\d\d): (?P<now>[\d.]+|unknown)(?: of (?P<budget>[\d.]+))? "
    r"(?P<currency>[A-Z]{3}) net so far, (?P<end>[\d.]+|unknown) by the month's end"
)
CURRENCIES = {"EUR": "euros", "USD": "dollars"}


def cost(cluster: Cluster, _: Call) -> Answer:
    """Say what the cluster costs a month; VoiceApiError with code no_report where nothing reports it."""
    try:
        report = cluster.explorer.one("configmap", NAMESPACE, NAME)
    except VoiceApiError as error:
        if error.code not in {"not_found", "cluster_forbidden", "not_offered"}:
            raise
        raise _no_report() from error
    line = str((report.get("data") or {}).get("line") or "")
    if not line:
        raise _no_report()
    found = LINE.search(line)
    if found is None:
        return Answer(f"The last report says: {shortly(line)}.", {"line": line})
    money = CURRENCIES.get(found["currency"], found["currency"])
    budget = f" of a budget of {found['budget']}" if found["budget"] else ""
    return Answer(
        f"This month the machines cost {found['now']} {money}{budget} so far, net, "
        f"and {found['end']} by its end as it stands.",
        {"line": line, **found.groupdict()},
    )


def _no_report() -> VoiceApiError:
    return VoiceApiError(
        "no_report",
        "I do not know what the cluster costs: no report of its costs is there.",
        "Turn the component cost-report on, or ask on your machine: kvx cost report",
        404,
    )
