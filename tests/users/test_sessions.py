"""Sessions and keys: what lets somebody in, and everything that does not."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from voice_api.commands.policy import User
from voice_api.errors import VoiceApiError
from voice_api.users.book import Algorithm, Book, Entry, Signing
from voice_api.users.file import BookFile, changed, read_book
from voice_api.users.keys import new_key
from voice_api.users.sessions import new_session, new_signing, session_of
from voice_api.users.speaker import Known

NOW = 1_800_000_000
DAY = 24 * 3600
ANN = Entry("ann", ("operator",), ("staging",), ("shop",))
SIGNING = new_signing("EdDSA", NOW)
BOOK = Book("00" * 32, (ANN,), (SIGNING,))
CLAIMS: dict[str, Any] = {
    "iss": "kvx", "aud": "kvx-voice-api", "sub": "ann", "jti": "one", "iat": NOW, "nbf": NOW, "exp": NOW + 60,
}  # fmt: skip


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def signed(claims: dict[str, Any], headers: dict[str, Any] | None = None, by: Signing = SIGNING) -> str:
    return jwt.encode(claims, by.secret, by.algorithm, headers={"kid": by.id, **(headers or {})})


def forged(algorithm: str, claims: str = part(CLAIMS), secret: bytes = b"") -> str:
    """A token whose header says another algorithm, signed with what somebody outside may know."""
    body = f"{part({'alg': algorithm, 'kid': SIGNING.id, 'typ': 'JWT'})}.{claims}"
    seal = hmac.new(secret, body.encode(), hashlib.sha256).digest() if secret else b""
    return f"{body}.{base64.urlsafe_b64encode(seal).decode().rstrip('=')}"


def public_key() -> bytes:
    public = load_pem_private_key(SIGNING.secret.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def let_in(book: Book, presented: str, now: float = NOW + 1) -> User:
    return Known(lambda: book, lambda: now).speaker_of(f"Bearer {presented}")


def refused(book: Book, presented: str, now: float = NOW + 1) -> None:
    with pytest.raises(VoiceApiError) as caught:
        let_in(book, presented, now)
    assert (caught.value.status, caught.value.code) == (401, "not_authenticated")
    assert presented not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
def test_a_session_is_a_user_with_roles_environments_and_groups_for_a_day(algorithm: Algorithm) -> None:
    signing = new_signing(algorithm, NOW)
    book = replace(BOOK, signing=(signing,))
    token = new_session(signing, "ann", NOW)
    assert let_in(book, token) == User("ann", frozenset({"operator"}), frozenset({"staging"}), ("shop",))
    assert let_in(book, token, NOW + DAY - 1).name == "ann"
    refused(book, token, NOW + DAY)


@pytest.mark.parametrize(
    "token",
    [
        forged("none"),
        forged("None"),
        forged("HS256", secret=public_key()),
        forged("HS256", secret=b"guessed"),
        signed({**CLAIMS, "aud": "another"}),
        signed({**CLAIMS, "iss": "another"}),
        signed({**CLAIMS, "sub": "eve"}),
        signed({**CLAIMS, "exp": NOW}),
        signed({**CLAIMS, "nbf": NOW + 62}),
        signed({**CLAIMS, "iat": NOW + 62}),
        signed({**CLAIMS, "exp": NOW + DAY + 1}),
        signed({**CLAIMS, "exp": float(NOW + 60)}),
        *(signed({name: value for name, value in CLAIMS.items() if name != left_out}) for left_out in CLAIMS),
        signed(CLAIMS, {"kid": "another"}),
        signed(CLAIMS, {"kid": "k" * 100_000}),
        signed(CLAIMS, {"jku": "https://example.org/keys"}),
        signed(CLAIMS, {"x5u": "https://example.org/keys"}),
        signed(CLAIMS, {"crit": ["exp"]}),
        signed({**CLAIMS, "more": "x" * 65_536}),
        "a.b.c",
        "..",
        "kvx_",
        "Ä.Ö.Ü",
    ],
)
def test_what_is_no_session_of_ours_lets_nobody_in(token: str) -> None:
    refused(BOOK, token)


def test_a_claim_that_is_given_twice_lets_nobody_in_though_it_is_signed() -> None:
    claims = json.dumps(CLAIMS)[:-1] + ', "sub": "ann"}'
    key = load_pem_private_key(SIGNING.secret.encode(), None)
    encoded = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    body = f"{part({'alg': 'EdDSA', 'kid': SIGNING.id})}.{encoded}"
    seal = base64.urlsafe_b64encode(key.sign(body.encode())).decode().rstrip("=")  # type: ignore[union-attr, call-arg]
    refused(BOOK, f"{body}.{seal}")


def test_the_same_token_with_one_bit_changed_lets_nobody_in() -> None:
    token = new_session(SIGNING, "ann", NOW)
    head, claims, seal = token.split(".")
    other = "B" if claims[10] != "B" else "C"
    refused(BOOK, f"{head}.{claims[:10]}{other}{claims[11:]}.{seal}")


def test_after_a_rotation_former_sessions_last_for_their_day_and_no_longer() -> None:
    former = new_session(SIGNING, "ann", NOW)
    book = BOOK.rotated(new_signing("EdDSA", NOW + 5), NOW + 5)
    newest = book.signs_with()
    assert newest is not None
    assert newest.id != SIGNING.id
    assert let_in(book, former, NOW + 10).name == "ann"
    assert let_in(book, new_session(newest, "ann", NOW + 10), NOW + 10).name == "ann"
    later = book.rotated(new_signing("HS256", NOW + 2 * DAY), NOW + 2 * DAY)
    assert SIGNING.id not in {each.id for each in later.signing}


def test_a_session_is_taken_back_alone_or_with_all_of_its_user() -> None:
    first, second = (new_session(SIGNING, "ann", NOW) for _ in range(2))
    found = session_of(BOOK, first, NOW)
    assert found is not None
    without = BOOK.without_session(found.id, NOW)
    refused(without, first)
    assert let_in(without, second).name == "ann"
    refused(BOOK.with_user(replace(ANN, sessions_from=NOW + 1)), second)
    refused(BOOK.without_user("ann"), second)


def test_a_key_is_kept_as_its_hash_alone_and_ends_when_it_should() -> None:
    shown, key = new_key(NOW, NOW + 100)
    book = BOOK.with_user(replace(ANN, keys=(key,)))
    assert let_in(book, shown).name == "ann"
    assert shown.rpartition("_")[2] not in repr(book)
    refused(book, shown, NOW + 100)
    refused(book, shown[:-1] + ("A" if shown[-1] != "A" else "B"))
    refused(BOOK, shown)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YW5uOg==", "Bearer " + "x" * 70_000]
)
def test_without_credentials_nobody_is_let_in_where_there_are_users(header: str | None) -> None:
    with pytest.raises(VoiceApiError) as caught:
        Known(lambda: BOOK).speaker_of(header)
    assert caught.value.status == 401


def test_a_book_is_read_again_when_it_changed_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    with changed(file) as write:
        write(BOOK)
    book = BookFile(file)
    assert book() == BOOK == read_book(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with changed(file) as write:
        write(BOOK.without_user("ann"))
    assert book().users == ()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"seal": 1}', '{"seal": "00", "users": [{"roles": []}]}']
)
def test_a_broken_book_lets_nobody_in_and_does_not_tell_what_is_in_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "users.json"
    file.write_text(content)
    with pytest.raises(VoiceApiError) as caught:
        read_book(file)
    assert caught.value.code == "users_unusable"
