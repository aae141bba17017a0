"""When a spoken question has been heard to its end, and what is its echo."""

from voice_api.http.playing import Playing

QUESTION = "Shall I scale checkout in shop from 3 to 5 replicas?"


def played() -> Playing:
    """Begun at 100, four seconds long, sent within a tenth of a second."""
    playing = Playing(QUESTION, 100.0)
    playing.more(100.0, 2.0)
    playing.more(100.1, 2.0)
    playing.whole = True
    return playing


def test_it_lasts_as_long_as_its_sound_however_fast_it_was_sent() -> None:
    assert played().since(104.6) == 104.6 - 104.0
    assert played().since(103.9) is None


def test_what_is_sent_late_is_heard_late() -> None:
    playing = played()
    playing.more(110.0, 1.0)
    assert playing.since(110.9) is None
    assert playing.since(111.5) == 0.5


def test_who_plays_it_may_say_that_it_ended_later_and_never_sooner() -> None:
    playing = played()
    playing.heard_at(101.0)
    assert playing.since(103.0) is None
    playing.heard_at(106.0)
    assert playing.since(107.0) == 1.0


def test_what_was_cut_off_was_never_heard_to_its_end() -> None:
    playing = played()
    assert playing.cut(102.0)
    assert playing.since(1_000.0) is None
    assert playing.free(102.0) == 102.0
    assert not playing.cut(103.0)


def test_what_was_not_sent_to_its_end_was_not_heard_to_its_end() -> None:
    """Its sound is late, fails, or is cut off before any of it came."""
    late = Playing(QUESTION, 100.0)
    assert late.since(101.0) is None
    late.more(100.0, 2.0)
    assert late.since(110.0) is None
    assert late.cut(110.0)
    late.whole = True
    assert late.since(1_000.0) is None


def test_what_is_over_cannot_be_cut_off() -> None:
    playing = played()
    assert not playing.cut(104.5)
    assert playing.since(105.0) == 1.0


def test_the_next_reply_is_heard_after_this_one() -> None:
    assert played().free(101.0) == 104.0
    assert played().free(109.0) == 109.0


def test_its_own_words_soon_after_are_its_echo_and_other_words_or_later_ones_are_not() -> None:
    assert played().returns_as("scale checkout in shop", 102.0)
    assert played().returns_as("scale checkout in shop", 104.4)
    assert not played().returns_as("scale checkout in shop", 104.6)
    assert not played().returns_as("how many pods are there", 102.0)


def test_what_was_cut_off_sounds_on_for_a_moment() -> None:
    playing = played()
    playing.cut(102.0)
    assert playing.returns_as("scale checkout in shop", 102.5)
    assert not playing.returns_as("scale checkout in shop", 103.6)
