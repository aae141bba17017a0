"""The refusals of the API: code, words, HTTP status and details.

Codes: public documentation, "Errors", and the constants of hcloud-go's error.go. Status numbers: the same
section; 412, 422 and 429 as seen in answers that users have posted.
"""

from typing import Any

STATUS = {
    "json_error": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "token_readonly": 403,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "uniqueness_error": 409,
    "conflict": 409,
    "resource_in_use": 409,
    "deprecated_api_endpoint": 410,
    "resource_unavailable": 412,
    "placement_error": 412,
    "no_space_left_in_location": 412,
    "locked": 423,
    "protected": 423,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "unknown_error": 500,
    "bad_gateway": 502,
    "maintenance": 503,
    "unavailable": 503,
    "robot_unavailable": 503,
    "timeout": 504,
}
ANY_OTHER_STATUS = 422


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """A call that is answered with an error; nothing of it was done."""

    def __init__(
        self, code: str, message: str, details: dict[str, Any] | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = status or STATUS.get(code, ANY_OTHER_STATUS)

    @property
    def body(self) -> dict[str, Any]:
        """As it is sent; `details` is null where there are none (public documentation, "Errors")."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def invalid(field: str, message: str) -> Refusal:
    """invalid_input for one field; its details are those of hcloud-go's ErrorDetailsInvalidInput."""
    details = {"fields": [{"name": field, "messages": [message]}]}
    return Refusal("invalid_input", f"invalid input in field '{field}': {message}", details)


def not_found(what: str, wanted: object) -> Refusal:
    return Refusal("not_found", f"{what} with ID '{wanted}' not found")


def not_unique(kind: str, field: str = "name") -> Refusal:
    """In the words users have posted (kube-hetzner issue 686, frappe/press issue 5857, provider issue 12)."""
    message = {
        ("server", "name"): "server name is already used",
        ("ssh_key", "name"): "SSH key name is already used",
        ("ssh_key", "public_key"): "SSH key with the same fingerprint already exists",
    }.get((kind, field), f"{field} is already used")
    return Refusal("uniqueness_error", message, {"fields": [{"name": field, "messages": [message]}]})


def over_limit(words: str, limit: str) -> Refusal:
    """There is no code per kind, only words ("server limit exceeded") and details.limits."""
    return Refusal("resource_limit_exceeded", f"{words} limit exceeded", {"limits": [{"name": limit}]})
