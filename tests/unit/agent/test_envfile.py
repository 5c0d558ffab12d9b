import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.kubelet import UnreadableError, read_env_file
from vaultbind.agent.envfile import LONGEST_LINE, LONGEST_VARIABLE, problem_of, render_env_file
from vaultbind.agent.errors import AgentError

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
NASTY = st.text(alphabet=st.sampled_from("ab'\"\\$ =#\t\r\n\0é\u2028"), max_size=30).map(str.encode)
VALUES = (
    NASTY | st.binary(max_size=30) | st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace"))
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_the_kubelet_reads_what_we_write_and_nothing_else(values: dict[str, bytes]) -> None:
    content, left_out = render_env_file([(name, value, True) for name, value in values.items()])

    for name, value in values.items():
        problem = problem_of(name, value)
        assert read_env_file(content, name) == (None if problem else value.decode())
    assert len(left_out) == sum(bool(problem_of(name, value)) for name, value in values.items())


@given(NAMES, VALUES)
def test_what_we_refuse_the_kubelet_would_not_have_carried(name: str, value: bytes) -> None:
    if not problem_of(name, value) or b"\0" in value:  # no reader, but the kernel, stops at a zero byte
        return
    try:
        carried = read_env_file(b"%s='%s'\n" % (name.encode(), value), name)
    except (UnreadableError, UnicodeDecodeError):
        return
    assert carried is None or carried.encode() != value


GOOD = {
    "plain": b"secret",
    "blanks at both ends": b"  a  ",
    "several lines": b"a\nb\n\nc\n",
    "a dollar, a quote, a backslash": b'$(X) ${Y} "z" \\n',
    "a hash and an equals sign": b"a=b # c",
    "a carriage return inside": b"a\rb\r",
    "40 kB": b"x" * 40_000,
    "two long lines": b"x" * 50_000 + b"\n" + b"y" * 50_000,
    "not ASCII": "pässwörd".encode(),
}


@pytest.mark.parametrize("value", GOOD.values(), ids=GOOD)
def test_carried(value: bytes) -> None:
    content, left_out = render_env_file(
        [("FIRST", b"1", False), ("KEY", value, False), ("LAST", b"2", False)]
    )

    assert left_out == ()
    assert read_env_file(content, "KEY") == value.decode()
    assert read_env_file(content, "LAST") == "2"


BAD = {
    "a single quote": (b"it's", "single quote"),
    "empty": (b"", "empty value"),
    "70 kB in a line": (b"x" * 70_000, f"more than {LONGEST_LINE} bytes"),
    "too long a line with its name": (b"x" * (LONGEST_LINE - 5), "a line of more than"),
    "too long for Linux": (b"x\n" * (LONGEST_VARIABLE // 2), f"longer than {LONGEST_VARIABLE}"),
    "a zero byte": (b"a\0b", "zero byte"),
    "no UTF-8": (b"\xff", "UTF-8"),
    "lines of Windows": (b"a\r\nb", "carriage return"),
}


@pytest.mark.parametrize(("value", "problem"), BAD.values(), ids=BAD)
def test_not_carried(value: bytes, problem: str) -> None:
    with pytest.raises(AgentError) as caught:
        render_env_file([("FINE", b"1", False), ("KEY", value, False)])

    message = str(caught.value)
    assert problem in message
    assert message.startswith("key KEY ")
    for way_out in ("vaultbind.dev/env-source: secret", "vaultbind.dev/mode: files", "optional: true"):
        assert way_out in message


@pytest.mark.parametrize(("value", "problem"), BAD.values(), ids=BAD)
def test_an_optional_one_is_left_out(value: bytes, problem: str) -> None:
    content, left_out = render_env_file([("KEY", value, True), ("FINE", b"1", False)])

    assert content == b"FINE='1'\n"
    (told,) = left_out
    assert told.startswith("KEY: ")
    assert problem in told


MEASURED = {
    "quoted": (b"A='x'\n", "x"),
    "no final newline": (b"A='x'", "x"),
    "over two lines": (b"A='x\ny'\n", "x\ny"),
    "line ends of Windows": (b"B='1'\r\nA='x'\r\n", "x"),
    "a comment before": (b"# hello\nA='x'\n", "x"),
    "a comment behind": (b"A='x' # why\n", "x"),
    "blanks before": (b"  A='x'\n", "x"),
    "the first of two": (b"A='x'\nA='y'\n", "x"),
    "empty is missing": (b"A=''\n", None),
    "missing": (b"B='x'\n", None),
}


@pytest.mark.parametrize(("content", "value"), MEASURED.values(), ids=MEASURED)
def test_the_reader_reads_what_the_real_one_was_seen_to(content: bytes, value: str | None) -> None:
    assert read_env_file(content, "A") == value


REFUSED_BY_THE_KUBELET = {
    "no quotes": b"A=x\n",
    "double quotes": b'A="x"\n',
    "a quote in the shell's way": b"A='it'\\''s'\n",
    "a blank before the equals sign": b"A ='x'\n",
    "export of something quoted otherwise": b"export A=x\n",
    "70 kB": b"A='" + b"x" * 70_000 + b"'\n",
    "an open quote": b"A='x\n",
    "a bad line before": b"B=1\nA='x'\n",
}


@pytest.mark.parametrize("content", REFUSED_BY_THE_KUBELET.values(), ids=REFUSED_BY_THE_KUBELET)
def test_the_reader_refuses_what_the_real_one_was_seen_to(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_env_file(content, "A")
