"""The environment of terraform: the token and the keys of the bucket, and nothing that would steer it."""

import os

from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.steps.machines import Backend

# These steer a terraform that a person types; TF_LOG would write requests to the log.
_STEERING = ("TF_", "HCLOUD_", "HETZNER_", "AWS_", "KVX_")
_KEPT = ("TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR", "TF_VAR_hume_api_key")


def environment(account: Account, backend: Backend) -> dict[str, str]:
    """What a terraform of kvx runs with; KvxError (exit code 3) without a token."""
    kept = {
        name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_STEERING)
    }
    return kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"} | _account(account) | _bucket(backend)


def _account(account: Account) -> dict[str, str]:
    if account.token is None:
        message = "there is no token for Hetzner"
        raise KvxError(message, "export HCLOUD_TOKEN=... (a token that may read and write)", ExitCode.MISSING)
    found = {"HCLOUD_TOKEN": account.token.reveal()}
    return found | ({"HCLOUD_ENDPOINT": account.endpoint} if account.endpoint else {})


def _bucket(backend: Backend) -> dict[str, str]:
    if backend.bucket is None:
        return {}
    if backend.access_key is None or backend.secret_key is None:
        message = f"there are no keys for the bucket {backend.bucket}"
        fix = "export AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..."
        raise KvxError(message, fix, ExitCode.MISSING)
    return {
        "AWS_ACCESS_KEY_ID": backend.access_key.reveal(),
        "AWS_SECRET_ACCESS_KEY": backend.secret_key.reveal(),
        # Object storages other than Amazon's do not take the newer default checksums.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
