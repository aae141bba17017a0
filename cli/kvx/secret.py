"""A value that must never be shown."""


class Secret:
    """A value that is never shown; `reveal` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "(secret)"

    def reveal(self) -> str:
        return self._value
