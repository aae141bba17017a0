"""Keys that a provider publishes are found as soon as they are there, whoever fetched them."""

import threading

import jwt
import pytest

from voice_api.errors import VoiceApiError
from voice_api.users.discovery import PublishedKeys


def key(identifier: str) -> jwt.PyJWK:
    return jwt.PyJWK({"kty": "oct", "kid": identifier, "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"})


def test_a_key_that_comes_while_it_is_looked_for_is_found() -> None:
    """The second look at the clock is between the look at the keys and the one whether they are fetched."""
    there = {"old": key("old")}
    now, looks, published_now = [0.0], [0], threading.Event()

    def clock() -> float:
        if threading.current_thread() is threading.main_thread():
            looks[0] += 1
            if looks[0] == 2:
                published_now.set()
                for each in fetching():
                    each.join(60)
                assert not fetching()
        return now[0]

    def fetching() -> list[threading.Thread]:
        return [each for each in set(threading.enumerate()) - before if each.name == "issuer-keys"]

    def fetch() -> dict[str, jwt.PyJWK]:
        assert published_now.wait(60)
        return dict(there)

    before, keys = set(threading.enumerate()), PublishedKeys(fetch, clock)
    looks[0] = 2
    published_now.set()
    keys.prime(60)
    published_now.clear()
    there["new"] = key("new")
    now[0] += 60
    with pytest.raises(VoiceApiError, match="not known now"):
        keys.find("new")
    looks[0] = 0
    assert keys.find("new") is there["new"]
