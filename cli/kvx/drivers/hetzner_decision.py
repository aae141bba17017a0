"""placement.json: what pre-flight has decided, kept for Terraform and for the next run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kvx.cost.estimate import Estimate, in_cents
from kvx.drivers.files import file_errors, replace_file
from kvx.errors import KvxError
from kvx.machines.fleet import Account, Fleet
from kvx.machines.placement import Placement
from kvx.steps.machines import Limits

SCHEMA = "kvx/placement/v1"


@dataclass(frozen=True, slots=True)
class Decision:
    """What stands in placement.json; `decided` in unix seconds, `monthly_net` None where unknown."""

    digest: str
    decided: float
    placement: Placement
    monthly_net: str | None
    currency: str
    price_date: str

    def to_json(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "digest": self.digest,
            "decided": int(self.decided),
            **self.placement.to_json(),
            "monthly_net": self.monthly_net,
            "currency": self.currency,
            "price_date": self.price_date,
        }


def digest_of(account: Account, fleet: Fleet, limits: Limits) -> str:
    """Changes whenever something changes that the decision rests on; the token is no part of it."""
    values = repr((account.endpoint, fleet, limits.max_monthly, limits.max_increase))
    return hashlib.sha256(values.encode()).hexdigest()[:12]


def read_decision(folder: Path) -> Decision | None:
    """None where nothing is decided; raises a KvxError for a file that cannot be read."""
    path = folder / "placement.json"
    with file_errors(path):
        if not path.exists():
            return None
        text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise KvxError(f"{path} is no placement of this kvx", f"rm {path}; it is decided anew then")
    return Decision(
        digest=str(document.get("digest", "")),
        decided=float(document.get("decided", 0)),
        placement=Placement.from_json(document),
        monthly_net=document.get("monthly_net"),
        currency=str(document.get("currency", "")),
        price_date=str(document.get("price_date", "")),
    )


def write_decision(folder: Path, digest: str, decided: float, placement: Placement, price: Estimate) -> None:
    """Written whole or not at all, for the user's eyes only."""
    total = price.monthly_net
    monthly_net = None if total is None else f"{in_cents(total)}"
    decision = Decision(digest, decided, placement, monthly_net, price.currency, price.price_date)
    path = folder / "placement.json"
    with file_errors(path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, json.dumps(decision.to_json(), indent=2) + "\n")
