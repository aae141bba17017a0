"""The one failure of looking for an image that a caller may want to know from all others."""

from kvx.errors import KvxError


class NotThereError(KvxError):
    """Where images lie can be read, and there is no such image."""
