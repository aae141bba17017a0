"""Asks a bucket what it holds, and proves that it never writes over what is there: Terraform's lock file."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kvx.errors import ExitCode, KvxError
from kvx.steps.machines import Backend

_CONNECT_SECONDS = 5
_READ_SECONDS = 15
_ATTEMPTS = 2
_PRECONDITION_FAILED = 412
_CONTENT = b"kvx doctor: proves that this bucket writes conditionally\n"


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a bucket; `changed` in seconds since 1970."""

    key: str
    size_bytes: int
    changed: float


def prove_conditional_write(backend: Backend) -> str:
    """Two writes of one new object, both only if it is not there: the second one must be refused.

    The object is removed again. Returns what was found in words; raises a KvxError with exit code 3
    where the bucket cannot be used.
    """
    if backend.access_key is None or backend.secret_key is None:
        message = f"the bucket {backend.bucket} is set, and there is no key to it"
        fix = "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=..."
        raise KvxError(message, fix, ExitCode.MISSING)
    key = f"{backend.key}.kvx-doctor-{secrets.token_hex(6)}"
    with _told(backend):
        storage = client(backend)
        if not _is_written(storage, backend, key):
            raise _wrong(backend, "refuses to write an object that is not there yet")
        try:
            refused = not _is_written(storage, backend, key)
        finally:
            storage.delete_object(Bucket=backend.bucket, Key=key)
    if not refused:
        raise _wrong(backend, "writes over what is there, though asked not to: two kvx could work at once")
    return f"{backend.bucket} at {backend.endpoint} refuses to write over what is there"


def objects(backend: Backend) -> tuple[Object, ...]:
    """What lies under the backend's key; raises a KvxError with exit code 3 where it cannot be asked."""
    with _told(backend):
        pages = (
            client(backend)
            .get_paginator("list_objects_v2")
            .paginate(Bucket=backend.bucket, Prefix=backend.key)
        )
        return tuple(
            Object(each["Key"], each["Size"], each["LastModified"].timestamp())
            for page in pages
            for each in page.get("Contents", ())
        )


def _is_written(storage: Any, backend: Backend, key: str) -> bool:
    """False where the bucket says that the object is there already."""
    try:
        storage.put_object(Bucket=backend.bucket, Key=key, Body=_CONTENT, IfNoneMatch="*")
    except ClientError as error:
        if _status(error.response) == _PRECONDITION_FAILED:
            return False
        raise
    return True


def client(backend: Backend) -> Any:
    """Speaks S3 to it, with deadlines."""
    assert backend.access_key is not None  # noqa: S101  looked at before
    assert backend.secret_key is not None  # noqa: S101
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"},
        # Hetzner's object storage answers 400 to the newer checksums (opentofu issue 2605).
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return botocore.session.get_session().create_client(
        "s3",
        region_name=backend.region,
        endpoint_url=backend.endpoint,
        aws_access_key_id=backend.access_key.reveal(),
        aws_secret_access_key=backend.secret_key.reveal(),
        config=config,
    )


@contextmanager
def _told(backend: Backend) -> Iterator[None]:
    """What botocore raises, as expected failures."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", _status(error.response)))
        raise _wrong(backend, f"answers {code}") from None
    except (BotoCoreError, ValueError) as error:
        raise _wrong(backend, f"cannot be asked ({type(error).__name__})") from None


def _status(response: Mapping[str, Any]) -> int:
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _wrong(backend: Backend, what: str) -> KvxError:
    fixes = (
        "look at hetzner.bucket, bucket_endpoint and bucket_region in kvx.toml and at the keys of the bucket"
    )
    message = f"the bucket {backend.bucket} at {backend.endpoint} {what}"
    return KvxError(message, f"{fixes}; without hetzner.bucket the state is a local file", ExitCode.MISSING)
