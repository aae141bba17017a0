"""SSH keys. Rules: public documentation, "SSH Keys"; hcloud-go, schema/ssh_key.go."""

import base64
import binascii
import hashlib

from kvx_rehearsal import labels
from kvx_rehearsal.call import Answer, Call, wanted_text
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import invalid, not_unique
from kvx_rehearsal.resources.update import updated

KINDS_OF_KEYS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)


def several(call: Call) -> Answer:
    return listing(call, "ssh_keys", call.store.all("ssh_key"))


def one(call: Call) -> Answer:
    return Answer({"ssh_key": call.find("ssh_key")})


def create(call: Call) -> Answer:
    """Name and fingerprint are unique."""
    name, public_key = wanted_text(call.body, "name"), wanted_text(call.body, "public_key").strip()
    fingerprint = fingerprint_of(public_key)
    call.admit("ssh_key", name, "SSH key")
    if any(key["fingerprint"] == fingerprint for key in call.store.all("ssh_key")):
        raise not_unique("ssh_key", "public_key")
    key = {
        "id": call.new_id(),
        "name": name,
        "fingerprint": fingerprint,
        "public_key": public_key,
        "labels": labels.checked(call.body.get("labels")),
        "created": call.created,
    }
    call.store.put("ssh_key", key)
    return Answer({"ssh_key": key}, 201)


def update(call: Call) -> Answer:
    return Answer({"ssh_key": updated(call, "ssh_key")})


def delete(call: Call) -> Answer:
    call.store.remove("ssh_key", call.find("ssh_key")["id"])
    return Answer(status=204)


def fingerprint_of(public_key: str) -> str:
    """MD5 in pairs, as the API shows it; invalid_input for what is no public key."""
    parts = public_key.split()
    if len(parts) < 2 or parts[0] not in KINDS_OF_KEYS:
        raise invalid("public_key", "is not an OpenSSH public key")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error as error:
        raise invalid("public_key", "is not an OpenSSH public key") from error
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))
