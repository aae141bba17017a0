"""The machines of a plan as Hetzner would have them now: looked up once, nothing written."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from kvx.commands.changes import Changes, changes
from kvx.commands.machines_letter import cents, estimate_data, findings, fleet_data, price_table, wishes
from kvx.plan import Plan
from kvx.steps.machines import PlaceMachines

if TYPE_CHECKING:
    from kvx.drivers.hetzner_placing import PreFlight


@dataclass(frozen=True, slots=True)
class Machines:
    """What a plan wants of Hetzner, and what looking there came to."""

    step: PlaceMachines
    found: "PreFlight"
    today: date

    @property
    def is_known(self) -> bool:
        """Whether Hetzner itself has answered."""
        return self.found.source == "hetzner"

    @property
    def changes(self) -> Changes:
        return changes(self.step.fleet, self.found.placement, self.found.live)

    @property
    def price_words(self) -> str:
        estimate = self.found.estimate
        if self.found.has_no_room:
            return "There is no room for these machines now, and what they cost depends on where there is"
        if estimate is None or estimate.monthly_net is None:
            return "What these machines cost is not known"
        return f"These machines cost {cents(estimate.monthly_net)} {estimate.currency} a month net"

    @property
    def price(self) -> str | None:
        estimate = self.found.estimate
        if estimate is None:
            return None
        return price_table(estimate, (self.today - date.fromisoformat(estimate.price_date)).days)

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Of the letter: what is wanted, what was found, what it costs, and what changes."""
        notes = self.found.placement.notes if self.found.placement else ()
        lines = self.changes.lines if self.is_known else ()
        changing = "\n".join(("What that changes at Hetzner:", *(f"  {line}" for line in lines)))
        unchanged = "Nothing has to be made, changed or deleted at Hetzner." if self.is_known else None
        parts = (
            wishes(self.step.fleet),
            findings(self.found.checks, notes),
            self.price,
            changing if lines else unchanged,
        )
        return tuple(part for part in parts if part)

    @property
    def data(self) -> dict[str, object]:
        """The same for programs."""
        placement = self.found.placement
        made = self.changes
        return {
            **fleet_data(self.step.fleet),
            "checks": [
                {"name": each.name, "state": each.state, "words": each.words, "fix": each.fix}
                for each in self.found.checks
            ],
            "placement": None if placement is None else placement.to_json(),
            "price": None if self.found.estimate is None else estimate_data(self.found.estimate),
            "changes": {
                "make": list(made.made),
                "change": list(made.otherwise),
                "delete": list(made.deleted),
            }
            if self.is_known
            else None,
        }


def place_machines(plan: Plan) -> PlaceMachines:
    """The step that knows account and fleet, of a plan that has the provision phase."""
    return next(step for step in plan.steps if isinstance(step, PlaceMachines))


def machines_of(plan: Plan) -> Machines | None:
    """What the plan's machines come to at Hetzner now; None for a plan without. Only reads."""
    step = next((step for step in plan.steps if isinstance(step, PlaceMachines)), None)
    if step is None:
        return None
    from kvx.drivers import account_record
    from kvx.drivers.hetzner_placing import look
    from kvx.world import real_world

    account_record.check(step.folder, step.account)
    world = real_world()
    today = datetime.fromtimestamp(world.now(), UTC).date()
    return Machines(step, look(step.account, step.fleet, step.limits, world, folder=step.folder), today)
