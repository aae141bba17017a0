"""Keeps the figures of budgets as the ledger has them: renewed when they are read, at most every 10 s."""

import logging
import threading
import time
from math import inf

from voice_api.engines.elsewhere import Elsewhere
from voice_api.engines.standing import Standing, standings, state
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures

log = logging.getLogger("voice_api.service")
FRESH_SECONDS = 10.0


class BudgetFigures:
    """Without a ledger there are no figures of budgets: a number that is not known is told nobody."""

    def __init__(self, elsewhere: Elsewhere, figures: Figures) -> None:
        self._elsewhere = elsewhere
        self._figures = figures
        self._read_at = -inf
        self._lock = threading.Lock()

    def renew(self) -> None:
        with self._lock:
            if time.monotonic() - self._read_at < FRESH_SECONDS:
                return
            self._read_at = time.monotonic()
            try:
                found = tuple(standings(self._elsewhere))
                states = [(each.name, state(self._elsewhere, each)[0]) for each in self._elsewhere.engines]
            except VoiceApiError as error:
                log.warning("budgets are not known", extra={"code": error.code})
                found, states = (), []
            self._tell(found)
            self._figures.engine_ready.clear()
            for name, word in states:
                self._figures.engine_ready.labels(name, word).set(word in ("ready", "busy"))

    def _tell(self, found: tuple[Standing, ...]) -> None:
        figures = self._figures
        for gauge in (figures.budget_limit, figures.budget_used, figures.budget_resets, figures.budget_empty):
            gauge.clear()
        for each in found:
            labels = (each.engine, each.key or "all", each.unit, each.window)
            figures.budget_limit.labels(*labels).set(each.outlook.use.budget.most)
            figures.budget_used.labels(*labels).set(each.outlook.use.used)
            if runway := each.outlook.runway:
                empty = inf if runway.empty_at is None else runway.empty_at / 1000
                figures.budget_resets.labels(*labels).set(runway.resets_at / 1000)
                figures.budget_empty.labels(*labels).set(empty)
