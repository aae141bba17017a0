"""Reads kubeconfigs as kubectl does, by the official client; whatever is wrong with one is said in words."""

import datetime
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography.x509 import load_pem_x509_certificate
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config import ConfigException

from kvx.errors import ExitCode, KvxError

VARIABLE = "KUBECONFIG"
USUAL = "~/.kube/config"

_load: Callable[..., None] = config.load_kube_config  # it carries no types
_contexts: Callable[..., Any] = config.list_kube_config_contexts
# What the client's reader raises for files of the wrong shape: it does not check them.
BROKEN = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, LookupError)


def configured(path: Path | None, context: str | None) -> Configuration:
    """The way to an API server; `path` None follows KUBECONFIG, then ~/.kube/config.

    Raises a KvxError with exit code 3 where there is no kubeconfig, 2 where it or its context is wrong.
    """
    source = _source(path)
    configuration = Configuration()
    try:
        _check_context(source, context)
        _load(source, context, configuration, persist_config=False)
    except BROKEN as error:
        why = next(iter(str(error).splitlines()), "it is broken")
        message = f"the kubeconfig {source} cannot be used: {why}"
        raise KvxError(message, f"kubectl --kubeconfig {source} config view", ExitCode.USAGE) from None
    return configuration


def _source(path: Path | None) -> str:
    """Where it is read from, as the client takes it: files that are there, parted by colons."""
    names = [str(path)] if path else os.environ.get(VARIABLE, "").split(os.pathsep)
    wanted = [name for name in names if name] or [str(Path(USUAL).expanduser())]
    there = [name for name in wanted if Path(name).is_file()]
    if not there:
        fix = "kubectl config view; then set kubernetes.kubeconfig in kvx.toml, or export KUBECONFIG=..."
        raise KvxError(f"there is no kubeconfig at {' or '.join(wanted)}", fix, ExitCode.MISSING)
    return os.pathsep.join(there)


def _check_context(source: str, context: str | None) -> None:
    """A context that is not there is the commonest mistake, so the others are named."""
    if context is None:
        return
    names = [each["name"] for each in _contexts(source)[0]]
    if context not in names:
        message = f"the kubeconfig {source} has no context {context}, only {', '.join(names) or 'none'}"
        raise KvxError(message, "set kubernetes.context in kvx.toml to one of them", ExitCode.USAGE)


def credentials(configuration: Configuration) -> dict[str, str]:
    """Headers of a user with a token; one with a certificate, as k3s makes, shows it by TLS."""
    settings: Mapping[str, Any] = configuration.auth_settings()
    return {each["key"]: each["value"] for each in settings.values() if each["in"] == "header"}


def expired(configuration: Configuration) -> datetime.datetime | None:
    """When the user's certificate has expired; None where it has none, or it holds."""
    if not configuration.cert_file:
        return None
    try:
        end = load_pem_x509_certificate(Path(configuration.cert_file).read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
    return end if end < datetime.datetime.now(datetime.UTC) else None
