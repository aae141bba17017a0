"""Who kvx is at a registry: what `docker login` left in Docker's configuration, or nobody."""

from dataclasses import dataclass

from docker.auth import load_config
from docker.errors import DockerException

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """A name and its password, or a token that stands for both."""

    name: str
    password: Secret
    is_token: bool = False


def login_of(registry: str) -> Login | None:
    """The login for a registry, from the file or from the credential helper that Docker would ask."""
    try:
        known = load_config().resolve_authconfig(registry)
    except (DockerException, OSError) as error:
        message = f"Docker's configuration does not give up the login for {registry}: {error}"
        raise KvxError(message, f"docker login {registry}", ExitCode.MISSING) from None
    if not known:
        return None
    token = known.get("IdentityToken") or known.get("identitytoken")
    if token:
        return Login("<token>", Secret(token), is_token=True)
    name, password = (known.get(key) or known.get(key.lower()) for key in ("Username", "Password"))
    return Login(str(name), Secret(str(password))) if name and password else None
