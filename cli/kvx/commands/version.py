"""kvx version: which kvx, which voice API, which Python."""

import json
import platform

from kvx.commands.flags import Json

SCHEMA = "kvx/version/v1"


def version(*, as_json: Json = False) -> None:
    """Print the versions in use."""
    versions = {
        "kvx": installed("kvx"),
        "voice_api": installed("kvx-voice-api"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    if as_json:
        print(json.dumps({"schema": SCHEMA, **versions}))
    else:
        print(
            "\n".join(
                f"{name.replace('_', '-'):<10} {value or 'not installed'}" for name, value in versions.items()
            )
        )


def installed(distribution: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
