"""How far somebody got in a funnel: its steps in their order, all within a time from the first."""


class Progress:
    """`reached` is the number of steps that were taken at best."""

    __slots__ = ("_latest", "reached")

    def __init__(self, steps: int) -> None:
        self.reached = 0
        # For each step the latest first step from which there was a way to it: later ones leave more time.
        self._latest: list[int | None] = [None] * steps

    def copy(self) -> "Progress":
        other = Progress(len(self._latest))
        other.reached = self.reached
        other._latest = self._latest.copy()
        return other

    def take(self, step: int, time: int, within: int) -> None:
        """The event of `step` (from 0) happened. Call it in the order of time (milliseconds)."""
        if step == 0:
            begun: int | None = time
        else:
            begun = self._latest[step - 1]
            if begun is None or time - begun > within:
                return
        latest = self._latest[step]
        if latest is None or (begun is not None and begun > latest):
            self._latest[step] = begun
        self.reached = max(self.reached, step + 1)
