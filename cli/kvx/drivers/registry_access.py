"""Gets past a registry's door: reads what it asks for, and fetches the token that answers it."""

import re
from collections.abc import Generator, Mapping

import httpx

from kvx.drivers.registry_login import Login
from kvx.errors import ExitCode, KvxError

_PART = re.compile(r'(\w+)="([^"]*)"')


def authorization(
    client: httpx.Client, refusal: httpx.Response, login: Login | None, what: str
) -> httpx.Auth:
    """What to send after a 401; KvxError where the registry cannot be satisfied with what there is."""
    scheme, _, rest = refusal.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() == "basic" and login is not None:
        return httpx.BasicAuth(login.name, login.password.reveal())
    if scheme.lower() == "bearer":
        return _Bearer(_token(client, dict(_PART.findall(rest)), login, what))
    raise login_missing(what, login)


def login_missing(what: str, login: Login | None, *, writing: bool = False) -> KvxError:
    """The registry lets nobody in, or not this one."""
    registry = what.partition("/")[0]
    if login is None:
        act = "written to" if writing else "read"
        message = f"{what} may only be {act} with a login, and Docker's configuration has none for {registry}"
    else:
        message = f"{registry} does not let {login.name} {'write to' if writing else 'read'} {what}"
    return KvxError(message, f"docker login {registry}", ExitCode.MISSING)


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


def _token(client: httpx.Client, asked: Mapping[str, str], login: Login | None, what: str) -> str:
    realm = asked.get("realm", "")
    if not realm.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        message = f"{what}: the registry sends the login to {realm or 'nowhere'}, which is not encrypted"
        raise KvxError(message, "name a registry that uses https", ExitCode.MISSING)
    wish = {name: asked[name] for name in ("service", "scope") if name in asked}
    if login is not None and login.is_token:
        form = {
            **wish,
            "grant_type": "refresh_token",
            "refresh_token": login.password.reveal(),
            "client_id": "kvx",
        }
        answer = client.post(realm, data=form)
    else:
        basic = httpx.BasicAuth(login.name, login.password.reveal()) if login else None
        answer = client.get(realm, params=wish, auth=basic)
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise login_missing(what, login)
    answer.raise_for_status()
    told = answer.json()
    return str(told.get("token") or told.get("access_token") or "")
