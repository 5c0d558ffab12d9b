import signal
from pathlib import Path

from vaultbind.agent.processes import find_processes, send_signal


def fake_proc(folder: Path, *processes: tuple[int, str, int]) -> Path:
    for pid, name, parent in processes:
        (folder / str(pid)).mkdir()
        (folder / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")
    (folder / "self").mkdir()
    return folder


PROCESSES = ((1, "pause", 0), (7, "nginx", 0), (8, "nginx", 7), (9, "odd) (name", 7), (12, "python3", 0))


def test_processes_by_name(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, *PROCESSES)

    assert list(find_processes("nginx", own=12, proc=proc)) == [7, 8]
    assert list(find_processes("odd) (name", own=12, proc=proc)) == [9]
    assert list(find_processes("python3", own=12, proc=proc)) == []


def test_main_processes_of_the_other_containers(tmp_path: Path) -> None:
    assert list(find_processes("", own=12, proc=fake_proc(tmp_path, *PROCESSES))) == [7]


def test_a_process_that_has_ended_meanwhile_is_passed_over(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, *PROCESSES)
    (proc / "8" / "stat").unlink()
    (proc / "9" / "stat").write_text("")

    assert list(find_processes("nginx", own=12, proc=proc)) == [7]


def test_what_happened_is_told(tmp_path: Path) -> None:
    proc = fake_proc(tmp_path, *PROCESSES)
    sent: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        if pid == 7:
            raise PermissionError
        sent.append((pid, number))

    told = send_signal("SIGHUP", "nginx", proc=proc, kill=kill)

    assert sent == [(8, signal.SIGHUP)]
    assert told == "process 7 belongs to another user and cannot be signalled; SIGHUP sent to process 8"


def test_nobody_to_signal(tmp_path: Path) -> None:
    def kill(_: int, __: int) -> None:
        raise ProcessLookupError

    proc = fake_proc(tmp_path, *PROCESSES)

    assert send_signal("SIGHUP", "nginx", proc=proc, kill=kill) == "there is no process nginx to signal"
