"""What C code prints is discarded while sound is decoded; several callers do not wait for each other."""

import os

import pytest

from voice_api.logs import silenced_native_stderr


def test_two_at_once_are_both_silent_and_stderr_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced_native_stderr():
        with silenced_native_stderr():
            os.write(2, b"inner")
        os.write(2, b"outer")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_one_that_ends_first_does_not_end_the_silence_of_the_other(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = silenced_native_stderr(), silenced_native_stderr()
    with first:
        second.__enter__()
    os.write(2, b"still silent")
    second.__exit__(None, None, None)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_stderr_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="damaged"), silenced_native_stderr():
        raise ValueError("damaged")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
