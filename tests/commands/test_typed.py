"""Commands as a person types them, however kvx was called."""

import pytest

from kvx.commands.typed import typed


@pytest.mark.parametrize("words", ["kubectl --namespace kvx describe pods", "kubectl -n kvx get pods"])
def test_a_namespace_called_kvx_is_no_command(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """kvx takes how it was called from the environment alone."""
    monkeypatch.setenv("KVX_CALLED_AS", "./deploy.sh")
    assert typed(f"{words}; kvx status") == f"{words}; ./deploy.sh status"
