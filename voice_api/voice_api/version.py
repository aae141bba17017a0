"""The version of voice-api, as it was installed."""

from importlib.metadata import version

VERSION = version("kvx-voice-api")
