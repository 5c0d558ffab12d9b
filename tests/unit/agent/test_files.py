import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaultbind.agent import files
from vaultbind.agent.errors import AgentError
from vaultbind.agent.files import write_file, write_files

KEYS = st.sampled_from(["a", "b", "tls.crt", ".hidden", "A-B_c"])
CONTENTS = st.dictionaries(KEYS, st.binary(max_size=8), max_size=5)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("..")}


def test_keys_become_files_behind_links(tmp_path: Path) -> None:
    folder = tmp_path / "shop-db"

    assert write_files(folder, {"user": b"me", "tls.crt": b"PEM"}, 0o440)
    assert read(folder) == {"user": b"me", "tls.crt": b"PEM"}
    assert (folder / "user").readlink() == Path("..data/user")
    assert (folder / "..data").is_symlink()
    assert stat.S_IMODE((folder / "user").stat().st_mode) == 0o440
    assert stat.S_IMODE((folder / "..data").stat().st_mode) == 0o755


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(contents=st.lists(CONTENTS, min_size=1, max_size=4))
def test_a_folder_holds_what_was_written_last(
    contents: list[dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files") / "x"
    before: dict[str, bytes] | None = None
    for content in contents:
        assert write_files(folder, content, 0o444) is (content != before)
        assert read(folder) == content
        assert len([path for path in folder.iterdir() if path.name.startswith("..")]) == 2
        before = content


def test_the_change_is_one_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the swap every reader sees all of the old content, from the swap on all of the new."""
    folder = tmp_path / "x"
    write_files(folder, {"a": b"1", "b": b"1"}, 0o444)
    seen: list[dict[str, bytes]] = []
    swap = files._swap

    def watched(target: Path, fresh: Path) -> None:
        seen.append({name: (folder / name).read_bytes() for name in ("a", "b")})
        swap(target, fresh)
        seen.append({name: (folder / name).read_bytes() for name in ("a", "b")})

    monkeypatch.setattr(files, "_swap", watched)
    write_files(folder, {"a": b"2", "b": b"2"}, 0o444)

    assert seen == [{"a": b"1", "b": b"1"}, {"a": b"2", "b": b"2"}]


def test_a_key_can_be_read_at_every_moment_of_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "x"
    write_files(folder, {"a": b"1"}, 0o444)
    seen: list[bytes] = []
    for name in ("symlink_to", "replace", "unlink", "mkdir", "chmod", "rmdir"):
        original = getattr(Path, name)

        def watched(self: Path, *given: object, _do: object = original, **named: object) -> object:
            result = _do(self, *given, **named)  # type: ignore[operator]
            seen.append((folder / "a").read_bytes())
            return result

        monkeypatch.setattr(Path, name, watched)
    write_files(folder, {"a": b"2"}, 0o444)

    assert sorted(seen) == seen
    assert set(seen) == {b"1", b"2"}


def test_who_has_opened_the_folder_keeps_the_old_content_together(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    write_files(folder, {"a": b"1"}, 0o444)
    with (folder / "a").open("rb") as old:
        write_files(folder, {"a": b"2"}, 0o444)
        assert old.read() == b"1"


def test_leftovers_of_a_crash_are_swept_and_links_mended(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    write_files(folder, {"a": b"1"}, 0o444)
    (folder / "..half").mkdir()
    (folder / "..data_next").symlink_to("..half")
    (folder / "a").unlink()

    assert write_files(folder, {"a": b"1"}, 0o444)
    assert read(folder) == {"a": b"1"}
    assert not (folder / "..half").exists()


def test_a_full_volume_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "x"
    write_files(folder, {"a": b"1"}, 0o444)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        write_files(folder, {"a": b"2"}, 0o444)
    assert read(folder) == {"a": b"1"}
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "..data", "a\0", "x" * 254])
def test_no_key_leads_elsewhere(tmp_path: Path, key: str) -> None:
    with pytest.raises(AgentError, match="no file's name"):
        write_files(tmp_path / "x", {"fine": b"1", key: b"2"}, 0o444)
    assert list(tmp_path.iterdir()) == []


def test_one_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "variables"

    assert write_file(path, b"1")
    assert not write_file(path, b"1")
    inode = path.stat().st_ino
    assert write_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert path.stat().st_ino != inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert list(tmp_path.iterdir()) == [path]
