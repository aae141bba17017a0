"""When a service that died is started again, and when it is given up."""

from kvx.supervisor.restarts import Restart, after_death


def test_pauses_double_up_to_thirty_seconds_and_end() -> None:
    pauses = []
    deaths = 0
    for _ in range(10):
        restart = after_death(deaths, 0.1, 0.5, 10)
        deaths = restart.quick_deaths
        pauses.append(restart.pause_seconds)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, None]


def test_a_long_life_makes_deaths_forgotten() -> None:
    assert after_death(9, 31, 0.5, 10) == Restart(1, 0.5)
