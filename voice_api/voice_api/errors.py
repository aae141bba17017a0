"""The one error a caller of voice-api can meet: a stable code, what happened, and what to do."""


class VoiceApiError(Exception):
    """An expected failure; anything else that is raised is a bug.

    code                 stable snake_case word that programs may rely on
    message              what happened, one sentence
    fix                  what the caller or operator can do, one sentence
    status               the HTTP status under which a request is answered with it
    param                the request's parameter that is at fault, if it is one
    retry_after_seconds  when trying again makes sense, for 429 and 503
    """

    def __init__(
        self,
        code: str,
        message: str,
        fix: str,
        status: int = 400,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix
        self.status = status
        self.param = param
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.message}\nfix: {self.fix}"
