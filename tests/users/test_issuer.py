"""Sessions of an identity provider: what lets somebody in, as whom, and everything that does not."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from voice_api.acting import issued_sessions
from voice_api.commands.policy import User
from voice_api.errors import VoiceApiError
from voice_api.settings import Settings, SettingsError
from voice_api.users.book import Book, Entry
from voice_api.users.discovery import DiscoveryError, PublishedKeys, published
from voice_api.users.issuer import IssuedSessions, Issuer
from voice_api.users.sessions import new_session, new_signing
from voice_api.users.speaker import Known

NOW = 1_800_000_000
RSA_KEY, OTHER_KEY = (rsa.generate_private_key(65_537, 2_048) for _ in range(2))
WEAK_KEY = rsa.generate_private_key(65_537, 1_024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
BOOK = Book(
    "00" * 32,
    (
        Entry("ann", ("admin",), ("production",)),
        Entry("oidc:ann", ("operator",), ("staging",), ("shop",)),
        Entry("oidc-group:readers", ("viewer",), ("production",)),
        Entry("oidc-group:sre", ("operator",), ("staging",), ("kvx:operators",), sessions_from=NOW - 3_600),
        Entry("oidc:gone"),
    ),
    (new_signing("EdDSA", NOW),),
)


def described(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, identifier: str, **more: str
) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": identifier, **more}  # type: ignore[arg-type]


@dataclass
class Provider:
    """Publishes a discovery document and keys, as a provider does."""

    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [
            described(RSA_KEY, "rsa", use="sig"),
            described(EC_KEY, "ec"),
            described(WEAK_KEY, "weak"),
            described(OTHER_KEY, "sealing", use="enc"),
            {"kty": "oct", "kid": "shared", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        ]
    )
    document: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def start(self) -> None:
        provider = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                told = {"keys": provider.keys} if self.path == "/keys" else provider.document
                body = json.dumps(told).encode()
                self.send_response(provider.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.document |= {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    made.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@dataclass
class Door:
    """Lets in who has a session of this provider."""

    provider: Provider
    known: Known

    def token(self, key: Any = RSA_KEY, kid: str = "rsa", algorithm: str = "RS256", **claims: Any) -> str:
        who = {"iss": self.provider.address, "aud": "kvx", "sub": "ann", "iat": NOW - 60, "exp": NOW + 600}
        said = {name: value for name, value in {**who, **claims}.items() if value is not None}
        return jwt.encode(said, key, algorithm, headers={"kid": kid})

    def let_in(self, token: str) -> User:
        return self.known.speaker_of(f"Bearer {token}")


@pytest.fixture
def door(provider: Provider) -> Door:
    keys = PublishedKeys(lambda: published(provider.address, 60))
    keys.prime(60)
    sessions = IssuedSessions(Issuer(provider.address, "kvx"), keys.find)
    return Door(provider, Known(lambda: BOOK, lambda: NOW, sessions))


def test_a_user_of_the_provider_has_what_the_book_says_of_them(door: Door) -> None:
    expected = User("oidc:ann", frozenset({"operator"}), frozenset({"staging"}), ("shop",))
    assert door.let_in(door.token()) == expected
    assert door.let_in(door.token(EC_KEY, "ec", "ES256")) == expected


def test_nobody_of_the_provider_takes_the_name_of_a_user_of_ours(door: Door) -> None:
    assert "admin" not in door.let_in(door.token(sub="ann")).roles


def test_who_is_only_in_a_group_has_what_the_group_has_and_keeps_their_name(door: Door) -> None:
    user = door.let_in(door.token(sub="bob", groups=["sre", "others"]))
    assert (user.name, user.roles, user.groups) == ("oidc:bob", {"operator"}, ("kvx:operators",))


def test_rights_of_two_groups_are_not_put_together(door: Door) -> None:
    user = door.let_in(door.token(sub="bob", groups=["sre", "readers"]))
    assert (user.roles, user.environments) == ({"viewer"}, {"production"})


def test_who_was_kept_out_is_not_let_in_by_a_group(door: Door) -> None:
    assert door.let_in(door.token(sub="gone", groups=["sre"])).roles == frozenset()


def test_our_own_sessions_count_as_before(door: Door) -> None:
    own = new_session(BOOK.signing[0], "ann", NOW)
    assert door.let_in(own).name == "ann"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"exp": NOW},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": NOW + 600},
        {"iat": None},
        {"iat": NOW - 25 * 3_600},
        {"nbf": NOW + 600},
        {"iat": True},
        {"sub": "nobody"},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": "ann\r\nImpersonate-Group: system:masters"},
        {"sub": "bob", "groups": "sre"},
        {"sub": "bob", "groups": ["unknown"]},
        {"sub": "bob", "groups": ["sre"], "iat": NOW - 7_200},
        {"sub": "bob", "groups": [f"group-{at}" for at in range(600)] + ["sre"]},
    ],
)
def test_a_session_that_is_not_for_us_or_not_for_now_is_refused(door: Door, claims: dict[str, Any]) -> None:
    with pytest.raises(VoiceApiError) as caught:
        door.let_in(door.token(**claims))
    assert caught.value.status == 401


def test_a_session_that_another_signed_is_refused(door: Door) -> None:
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, claims, _ = door.token().split(".")
    wrong = [
        door.token(OTHER_KEY),
        door.token(WEAK_KEY, "weak"),
        door.token(OTHER_KEY, "sealing"),
        door.token("secretsecretsecretsecretsecretsecret", "shared", "HS256"),
        door.token(key=public.replace(b"-----", b""), algorithm="HS256"),
        door.token(EC_KEY, "rsa", "ES256"),
        f"{header}.{claims}.",
        jwt.encode({"iss": door.provider.address}, None, "none", headers={"kid": "rsa"}),
        jwt.encode(
            {"iss": door.provider.address, "aud": "kvx", "sub": "ann", "iat": NOW, "exp": NOW + 60},
            RSA_KEY,
            "RS256",
            headers={"kid": "rsa", "crit": ["exp"]},
        ),
    ]
    for token in wrong:
        with pytest.raises(VoiceApiError) as caught:
            door.let_in(token)
        assert caught.value.status == 401


def test_keys_that_nobody_has_are_not_fetched_for_each_request(door: Door) -> None:
    before = len(door.provider.asked)
    statuses = []
    for at in range(50):
        with pytest.raises(VoiceApiError) as caught:
            door.let_in(door.token(OTHER_KEY, f"unknown-{at}"))
        statuses.append(caught.value.status)
    assert len(door.provider.asked) == before
    assert set(statuses) == {401}


def test_a_new_key_is_fetched_and_who_needs_it_is_told_to_come_again(provider: Provider) -> None:
    now = [0.0]
    keys = PublishedKeys(lambda: published(provider.address, 60), lambda: now[0])
    keys.prime(60)
    provider.keys.append(described(OTHER_KEY, "new"))
    now[0] += 60
    with pytest.raises(VoiceApiError) as caught:
        keys.find("new")
    assert (caught.value.status, caught.value.retry_after_seconds) == (503, 2)
    found, until = None, time.monotonic() + 60
    while found is None and time.monotonic() < until:
        try:
            found = keys.find("new")
        except VoiceApiError:
            time.sleep(0.01)
    assert found is not None


def test_keys_are_trusted_for_a_day_without_the_provider_and_no_longer(provider: Provider) -> None:
    now = [0.0]
    keys = PublishedKeys(lambda: published(provider.address, 60), lambda: now[0])
    keys.prime(60)
    provider.status = 500
    now[0] += 23 * 3_600
    assert keys.find("rsa") is not None
    now[0] += 3_600
    with pytest.raises(VoiceApiError) as caught:
        keys.find("rsa")
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": 302}, "answers with 302"),
        ({"status": 404}, "answers with 404"),
        ({"document": {"issuer": "https://other"}}, "names another issuer"),
        ({"document": {"jwks_uri": None}}, "names no jwks_uri"),
        ({"document": {"jwks_uri": "http://192.0.2.1/keys"}}, "has to begin with https://"),
        ({"document": {"jwks_uri": "file:///etc/passwd"}}, "has to begin with https://"),
        ({"keys": []}, "publishes no keys"),
        ({"keys": [{"kty": "RSA", "n": "x" * 2_000_000}]}, "answers with 200"),
    ],
)
def test_what_is_no_provider_is_told_why(provider: Provider, change: dict[str, Any], why: str) -> None:
    provider.document |= change.pop("document", {})
    for name, value in change.items():
        setattr(provider, name, value)
    with pytest.raises(DiscoveryError, match=why):
        published(provider.address, 60)
    assert "/elsewhere" not in provider.asked


def test_it_is_put_together_from_settings(provider: Provider) -> None:
    settings = Settings(oidc_issuer=provider.address, oidc_audience="kvx", oidc_user_claim="email")
    sessions = issued_sessions(settings, 60)
    assert sessions is not None
    door = Door(provider, Known(lambda: BOOK, lambda: NOW, sessions))
    assert door.let_in(door.token(sub="1234", email="ann")).name == "oidc:ann"
    assert issued_sessions(Settings()) is None
    with pytest.raises(SettingsError, match="needs oidc_audience"):
        issued_sessions(replace(settings, oidc_audience=""))
