"""The one way in which a model folder fails."""

from voice_api.errors import VoiceApiError


class ModelFolderError(VoiceApiError):
    """A model folder that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__("model_folder", message, fix, status=503)
