"""How much a lane gets done in a second, learnt from what it did."""

FIRST_WEIGHT_SECONDS = 0.01
MEMORY = 0.9
"""What an earlier job still counts when one more was done: about the last ten decide."""


class Rate:
    """Amount per second of work; the first job already replaces what was assumed."""

    def __init__(self, assumed: float = 1.0) -> None:
        self._amount = assumed * FIRST_WEIGHT_SECONDS
        self._seconds = FIRST_WEIGHT_SECONDS

    @property
    def per_second(self) -> float:
        return self._amount / self._seconds

    def learn(self, amount: float, seconds: float) -> None:
        """Count a job; one without an amount, such as a sound that was refused, teaches nothing."""
        if amount <= 0 or seconds <= 0:
            return
        self._amount = MEMORY * self._amount + amount
        self._seconds = MEMORY * self._seconds + seconds
