"""From a request to its answer: token, rate limit, faults, the resource itself, the log. One transaction."""

import json
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from kvx_rehearsal import actions, machines, meter, rate
from kvx_rehearsal.call import Answer, Call, Responder, Timing, stamp
from kvx_rehearsal.catalogue import Catalogue
from kvx_rehearsal.refusals import Refusal
from kvx_rehearsal.routes import responder_for
from kvx_rehearsal.scenario import Fault, due, put_in_force, read
from kvx_rehearsal.store import Document, Store

TOKEN_CHARACTERS = 64
NO_SCENARIO = "{}"


@dataclass(frozen=True, slots=True)
class Request:
    """What came over the wire; `path` without /v1."""

    method: str
    path: str
    query: list[tuple[str, str]]
    authorization: str
    content: bytes

    @property
    def token(self) -> str:
        scheme, _, token = self.authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes back: `cut` instead of anything, after `wait_seconds`."""

    status: int
    body: Document | None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    wait_seconds: float = 0.0


class Answering:
    """The simulated project; `clock` gives unix seconds."""

    def __init__(self, store: Store, snapshot: Document, speed: float, clock: Callable[[], float]) -> None:
        self.store = store
        self.snapshot = snapshot
        self.speed = speed
        self.clock = clock
        self.scenario = read(store.remembered("scenario") or NO_SCENARIO)
        store.watch = lambda kind, number, document: meter.note(
            store, kind, number, document, self.snapshot["pricing"]
        )
        self.held: Callable[[], frozenset[int]] = frozenset

    def use(self, scenario: str) -> None:
        """Puts another scenario in force; ScenarioError leaves the old one."""
        with self.store.transaction():
            self.scenario = put_in_force(self.store, scenario, self.clock())

    def wanted_machines(self) -> dict[int, Document]:
        """What stands behind each server, were it a machine."""
        return machines.wanted(self.store, Catalogue(self.snapshot))

    def machine_failed(self, server: int, message: str) -> None:
        """What is being done to the server fails with these words."""
        with self.store.transaction():
            if not actions.fail(self.store, server, message, self.clock()):
                sys.stderr.write(f"the machine of server {server}: {message}\n")

    def answer(self, request: Request) -> Sent:
        now = self.clock()
        with self.store.transaction():
            actions.settle(self.store, now, self.held())
            self.store.now = now
            sent, faults = self._answer(request, now)
            headers = {**sent.headers, "X-Correlation-Id": secrets.token_hex(8)}
            self.store.log(_entry(request, sent, faults, headers["X-Correlation-Id"], now))
        cut = any(fault.kind in ("cut_before_write", "cut_after_write") for fault in faults)
        wait = sum(fault.seconds for fault in faults if fault.kind == "slow")
        return Sent(sent.status, sent.body, headers, cut, wait)

    def _answer(self, request: Request, now: float) -> tuple[Sent, list[Fault]]:
        headers: dict[str, str] = {}
        faults: list[Fault] = []
        try:
            _refuse_unknown_token(request.token)
            enough, headers = rate.take(self.store, self.scenario, now)
            if not enough:
                raise rate.used_up(self.scenario, request.token)
            self._refuse_to_write(request)
            body = _body(request)
            faults = due(self.scenario, self.store, request.method, request.path, body)
            answer = self._performed(request, body, faults, now)
        except Refusal as refusal:
            return Sent(refusal.status, refusal.body, headers), faults
        return Sent(answer.status, answer.body, headers), faults

    def _refuse_to_write(self, request: Request) -> None:
        """Public documentation, "Errors": token_readonly."""
        readonly = self.scenario.token_is_readonly or request.token.startswith("readonly")
        if readonly and request.method != "GET":
            raise Refusal("token_readonly", "the token is only allowed to perform GET requests")

    def _performed(self, request: Request, body: Document, faults: list[Fault], now: float) -> Answer:
        for fault in faults:
            _strike_before(fault)
        responder, ids = responder_for(request.method, request.path)
        catalogue = Catalogue(self.snapshot, self.scenario.unavailable)
        timing = Timing(self.speed, self.scenario.durations)
        call = Call(
            self.store, catalogue, now, timing, ids, request.path, request.query, body, self.scenario.limits
        )
        ends = [fault for fault in faults if fault.kind in ("action_fails", "action_never_ends")]
        if ends:
            return _with_another_end(call, responder, ends[0], is_creation="/actions/" not in request.path)
        with self.store.attempt():
            return responder(call)


def _refuse_unknown_token(token: str) -> None:
    if len(token) != TOKEN_CHARACTERS or token.startswith("invalid"):
        raise Refusal("unauthorized", "unable to authenticate")


def _body(request: Request) -> Document:
    if not request.content:
        return {}
    try:
        body = json.loads(request.content)
    except ValueError as error:
        raise Refusal("json_error", f"invalid JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal("json_error", "the body must be an object")
    return body


def _strike_before(fault: Fault) -> None:
    """Faults that keep a call from being performed."""
    match fault.kind:
        case "stock_gone":
            raise Refusal("resource_unavailable", fault.message or "error during placement")
        case "refuse":
            code = fault.code or "server_error"
            raise Refusal(code, fault.message or code.replace("_", " "), fault.details, fault.status)
        case "cut_before_write":
            raise Refusal("unavailable", "the connection is cut")


def _with_another_end(call: Call, responder: Responder, fault: Fault, *, is_creation: bool) -> Answer:
    """Performs a call whose actions shall fail or never end."""
    fails = fault.kind == "action_fails"
    before = {action["id"] for action in call.store.running_actions()}
    with call.store.attempt() as attempt:
        answer = responder(call)
        started = [each for each in call.store.running_actions() if each["id"] not in before]
        attempt.keeps = is_creation or not fails
    if not attempt.keeps:
        call.store.skip_numbers("action", actions.FIRST_ACTION, len(started))
    error = {"code": fault.code or "action_failed", "message": fault.message or "action failed"}
    for action in started:
        end = {"fails_with": error} if fails else {"ends_at": None}
        call.store.put_action({**action, **end})
    return answer


def _entry(request: Request, sent: Sent, faults: list[Fault], correlation_id: str, now: float) -> Document:
    error = (sent.body or {}).get("error") or {}
    return {
        "time": stamp(now),
        "method": request.method,
        "path": request.path,
        "query": [list(pair) for pair in request.query],
        "status": sent.status,
        "code": error.get("code"),
        "correlation_id": correlation_id,
        "faults": [fault.kind for fault in faults],
    }
