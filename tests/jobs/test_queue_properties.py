"""Whatever happens in whatever order: no job is lost, none has two answers, and the bounds hold."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from voice_api.errors import VoiceApiError
from voice_api.jobs.job import Answer, Claim, Offer, Trouble
from voice_api.jobs.queue import Bounds, Queue

IN_MEMORY = Path("/dev/shm")
BOUNDS = Bounds(jobs=4, held_bytes=60, attempts=2, keep_seconds=50)


class AnyOrder(RuleBasedStateMachine):
    """A queue under everything that callers, a worker, kills and time do to it."""

    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.place = Path(self._folder.name)
        self.now = 1_000.0
        self.promised: dict[str, float] = {}
        self.answers: dict[str, bytes] = {}
        self.taken: dict[str, Claim] = {}
        self.queue = self._opened()

    def _opened(self) -> Queue:
        return Queue(self.place, BOUNDS, lambda: self.now)

    def teardown(self) -> None:
        self.queue.close()
        self._folder.cleanup()

    @rule(size=st.integers(1, 40), key=st.sampled_from([None, "one", "two"]))
    def accept(self, size: int, key: str | None) -> None:
        try:
            job = self.queue.accept(Offer(bytes(size), (), key=key))
        except VoiceApiError as error:
            if error.code not in {"jobs_full", "idempotency_key_reused"}:
                raise
            return
        if job.id not in self.promised:
            self.promised[job.id] = self.now

    @rule(target=claims)
    def take(self) -> Claim:
        waiting = self.queue.load().waiting
        claim = self.queue.take()
        if claim is None:
            assert not waiting
            return Claim("job_none", 0, 0, (), 0.0)
        assert claim.id not in self.taken, "taken twice at the same time"
        assert claim.attempt <= BOUNDS.attempts
        self.taken[claim.id] = claim
        assert self.queue.sound(claim) is not None
        return claim

    @rule(claim=claims, words=st.binary(min_size=1, max_size=4))
    def complete(self, claim: Claim, words: bytes) -> None:
        current = self.taken.get(claim.id) == claim
        assert self.queue.complete(claim, Answer(words, "text/plain")) == current
        if current:
            del self.taken[claim.id]
            self.answers[claim.id] = words

    @rule(claim=claims, how=st.sampled_from(["fail", "try_again", "put_back"]))
    def break_off(self, claim: Claim, how: str) -> None:
        current = self.taken.get(claim.id) == claim
        match how:
            case "fail":
                done = self.queue.fail(claim, Trouble("x", "x", "x", 400))
            case "try_again":
                done = self.queue.try_again(claim)
            case _:
                done = self.queue.put_back(claim)
        assert done == current
        if current:
            del self.taken[claim.id]

    @rule(number=st.integers(0, 20))
    def remove(self, number: int) -> None:
        if self.promised:
            name = sorted(self.promised)[number % len(self.promised)]
            assert self.queue.remove(name)
            self._forget(name)

    @rule()
    def killed(self) -> None:
        """The process ends; the kernel closes its files, and the next one opens them."""
        self.queue.close()
        self.taken.clear()
        self.queue = self._opened()

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.queue.tidy()
        for name, since in list(self.promised.items()):
            if self.queue.job(name) is None:
                assert self.now - since > BOUNDS.keep_seconds, "forgotten before its time"
                self._forget(name)

    def _forget(self, name: str) -> None:
        del self.promised[name]
        self.answers.pop(name, None)
        self.taken.pop(name, None)

    @invariant()
    def no_promise_is_forgotten(self) -> None:
        for name in self.promised:
            assert self.queue.job(name) is not None

    @invariant()
    def an_answer_never_changes(self) -> None:
        for name in self.promised:
            kept = self.queue.answer(name)
            assert (kept.body if kept else None) == self.answers.get(name)

    @invariant()
    def the_bounds_hold(self) -> None:
        load = self.queue.load()
        assert load.waiting + load.running <= BOUNDS.jobs
        assert load.held_bytes <= BOUNDS.held_bytes
        assert load.running == len(self.taken)

    @invariant()
    def sound_is_there_as_long_as_it_is_needed_and_no_longer(self) -> None:
        wanted = {name for name in self.promised if _open(self.queue, name)}
        assert {path.name for path in (self.place / "sounds").iterdir()} == wanted
        assert not list((self.place / "arriving").iterdir())


def _open(queue: Queue, name: str) -> bool:
    job = queue.job(name)
    return job is not None and job.status in {"queued", "in_progress"}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30)
