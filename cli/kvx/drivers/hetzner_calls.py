"""Asks Hetzner's API through its own client: bounded in time and in attempts, and never without a reason."""

import random
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from hcloud import APIException, Client

from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.machines.refusals import CONSOLE, Refusal, refusal_of
from kvx.world import World

Json = Mapping[str, Any]

HETZNER = "https://api.hetzner.cloud/v1"
TOKEN_LENGTH = 64
ON_A_PAGE = 50  # the most Hetzner gives
CALL_SECONDS = 60.0
ATTEMPTS, FIRST_ATTEMPTS = 6, 3  # the fewer until anything has answered: perhaps there is no network
_TIMEOUT_SECONDS = (5.0, 30.0)  # to connect, to answer
_LONGEST_PAUSE_SECONDS = 20.0
_CUT = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class RefusalError(KvxError):
    """Hetzner said no; `refusal` holds what it means."""

    def __init__(self, refusal: Refusal, doing: str) -> None:
        error = refusal.as_error(doing)
        super().__init__(error.message, error.fix, error.exit_code)
        self.refusal = refusal


class Calls:
    """One project at Hetzner, asked one request after the other.

    Every request is safe to repeat: kvx itself only reads, deletes, and sets what may be set twice.
    What is created, Terraform creates.
    """

    def __init__(self, account: Account, world: World) -> None:
        self.address = (account.endpoint or HETZNER).rstrip("/")
        self._world = world
        self._client = _client(_token(account), self.address)
        self._client._client._session.hooks["response"].append(self._remember)  # the client shows no headers
        self._status = 0
        self._attempts = FIRST_ATTEMPTS
        self._resets_at = 0.0
        self.date_header = ""
        """What Hetzner's own clock said with the last answer."""
        self.budget_left: int | None = None
        """Requests left in this hour as of the last answer (RateLimit-Remaining); None if never told."""

    def read(self, path: str, doing: str, **params: Any) -> Json:
        return self._ask("GET", path, doing, params=params)

    def read_all(self, path: str, key: str, doing: str, **params: Any) -> Iterator[Json]:
        """Every entry of every page."""
        page = 1
        while page:
            answer = self.read(path, doing, **params, page=page, per_page=ON_A_PAGE)
            yield from answer.get(key) or ()
            following = ((answer.get("meta") or {}).get("pagination") or {}).get("next_page")
            page = following if isinstance(following, int) and following > page else 0

    def read_whole(self, path: str, key: str, doing: str, **params: Any) -> tuple[Json, ...]:
        """Every entry, counted; raises a KvxError (exit code 4) for fewer than Hetzner says there are."""
        entries: list[Json] = []
        page, told = 1, 0
        while page:
            answer = self.read(path, doing, **params, page=page, per_page=ON_A_PAGE)
            entries += answer.get(key) or ()
            pagination = (answer.get("meta") or {}).get("pagination") or {}
            following, count = pagination.get("next_page"), pagination.get("total_entries")
            told = count if isinstance(count, int) else 0
            page = following if isinstance(following, int) and following > page else 0
        if len(entries) < told:
            message = f"could not {doing}: Hetzner gave {len(entries)} {key} of {told}"
            raise KvxError(message, "run the same command again", ExitCode.INCOMPLETE)
        return tuple(entries)

    def change(self, method: str, path: str, doing: str, body: Json | None = None) -> Json:
        """A request that changes something, and its actions brought to their end."""
        answer = self._ask(method, path, doing, json=body)
        actions = [answer["action"]] if answer.get("action") else list(answer.get("actions") or ())
        self._wait_for(actions, doing)
        return answer

    def _ask(self, method: str, path: str, doing: str, **content: Any) -> Json:
        end = self._world.monotonic() + CALL_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            self._status = 0
            try:
                return self._read(self._client.request(method, path, **content), doing)
            except APIException as error:
                if self._status < HTTPStatus.BAD_REQUEST:
                    raise self._nonsense(doing) from None
                failure: KvxError = RefusalError(self._refusal(error), doing)
            except _CUT as error:
                failure = self._silence(error, doing)
            except requests.RequestException as error:
                raise self._silence(error, doing) from None
            except (KeyError, TypeError):
                raise self._nonsense(doing) from None
            left = end - self._world.monotonic()
            if attempt >= self._attempts or left <= 0 or not _may_be_repeated(failure):
                raise failure from None
            self._pause(attempt, left)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _read(self, answer: object, doing: str) -> Json:
        if not isinstance(answer, Mapping):
            raise self._nonsense(doing)
        return answer

    def _refusal(self, error: APIException) -> Refusal:
        details = error.details if isinstance(error.details, Mapping) else None
        message = str(error.message or "")
        return refusal_of(str(error.code), message, self._status, error.correlation_id or "", details)

    def _pause(self, attempt: int, left: float) -> None:
        """Until the limit on requests is lifted, else twice as long each time; never past the deadline."""
        jitter = random.uniform(0.5, 1)  # noqa: S311  no secret
        pause = min(2**attempt, _LONGEST_PAUSE_SECONDS) * jitter / 2
        if self._status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = max(self._resets_at - self._world.now(), 1) + jitter
            self._world.progress("Hetzner asks to wait: too many requests in this hour")
        wait_until(lambda: False, min(pause, left), self._world)

    def _wait_for(self, actions: Sequence[Json], doing: str) -> None:
        """Raises a KvxError when one fails, or has not ended in time."""
        end = self._world.monotonic() + CALL_SECONDS
        running, pause = _running(actions, doing), 0.5
        while running:
            if self._world.monotonic() >= end:
                message = f"could not {doing}: Hetzner did not end it within {CALL_SECONDS:g} s"
                raise KvxError(message, "run the same command again; it goes on from here")
            wait_until(lambda: False, pause, self._world)
            pause = min(pause * 2, 5)
            answer = self.read("/actions", doing, id=running, per_page=ON_A_PAGE)
            running = _running(answer.get("actions") or (), doing)

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        self._status, self._attempts = response.status_code, ATTEMPTS
        self.date_header = response.headers.get("Date", "")
        remaining, reset = (response.headers.get(f"RateLimit-{name}", "") for name in ("Remaining", "Reset"))
        self.budget_left = int(remaining) if remaining.isdigit() else self.budget_left
        self._resets_at = float(reset) if reset.isdigit() else self._resets_at

    def _silence(self, error: requests.RequestException, doing: str) -> KvxError:
        """Only the kind of the error is told: its text can hold the header, and with it the token."""
        host = urlsplit(self.address).netloc
        message = f"could not {doing}: {host} does not answer ({type(error).__name__})"
        return KvxError(message, f"curl -sS {self.address}/locations shows whether it can be reached")

    def _nonsense(self, doing: str) -> KvxError:
        message = f"could not {doing}: {self.address} does not answer as Hetzner's API does"
        return KvxError(message, "check HCLOUD_ENDPOINT; without it kvx asks Hetzner itself")


def _client(token: str, address: str) -> Client:
    """Hetzner's client without its own repeats, which sleep up to a minute and cannot be asked to stop."""
    client = Client(token, address, application_name="kvx", timeout=_TIMEOUT_SECONDS)
    client._client._retry_max_retries = 0
    if urlsplit(address).scheme == "http":
        client._client._session.trust_env = False  # a simulation on this machine: no proxy, no .netrc
    return client


def _token(account: Account) -> str:
    """Raises a KvxError when there is none, or none that can be one; it is never shown."""
    token = account.token.reveal() if account.token else ""
    if not token:
        fix = f"make one at {CONSOLE} (Security, API tokens), then: export HCLOUD_TOKEN=..."
        raise KvxError("there is no token for Hetzner", fix, ExitCode.MISSING)
    if len(token) != TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        message = f"the token for Hetzner is none: one has {TOKEN_LENGTH} letters and digits, and this has "
        message += f"{len(token)}" if len(token) != TOKEN_LENGTH else "others"
        fix = "copy it again from where it was kept, without quotes or line breaks; export HCLOUD_TOKEN=..."
        raise KvxError(message, fix, ExitCode.MISSING)
    return token


def _may_be_repeated(failure: KvxError) -> bool:
    return not isinstance(failure, RefusalError) or failure.refusal.kind == "transient"


def _running(actions: Sequence[Json], doing: str) -> list[int]:
    """The ids of those that have not ended; raises what the first failed one means."""
    for action in actions:
        if action.get("status") == "error":
            error = action.get("error") or {}
            raise RefusalError(refusal_of(str(error.get("code", "")), str(error.get("message", ""))), doing)
    return [int(action["id"]) for action in actions if action.get("status") == "running"]
