"""Of several rounds one stands for all: the one in the middle, as it was."""

from bench.rounds import ROUNDS, median_round


def test_the_round_in_the_middle_stands_for_all() -> None:
    rounds = [
        {"seconds": seconds, "cpu_ms_per_binding": cpu, "vault": {"get": number}}
        for number, (seconds, cpu) in enumerate([(9.0, 1.0), (5.0, 3.0), (6.0, 2.0)])
    ]
    assert median_round(rounds) == {
        "seconds": 6.0,
        "cpu_ms_per_binding": 2.0,
        "vault": {"get": 2},
        "rounds": [9.0, 5.0, 6.0],
        "rounds_cpu_ms_per_binding": [1.0, 3.0, 2.0],
    }


def test_there_is_a_middle() -> None:
    assert ROUNDS % 2 == 1
