"""The command line: every task is listed, every example can be parsed, errors are one line."""

from __future__ import annotations

import shlex
import subprocess
from argparse import ArgumentTypeError, Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.commands import main as command
from pipeline.commands import score
from pipeline.commands.verb import seconds
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.runtime.errors import InputError
from pipeline.runtime.version import VERSION
from tests.builders import run_python

EXAMPLES = [(verb.name, example) for verb in command.VERBS for example in verb.examples]
HEAVY = {"torch", "numpy", "cv2", "av", "pandas", "zarr", "scipy", "PIL", "pydantic", "rich"}


def caught(monkeypatch: pytest.MonkeyPatch) -> list[Namespace]:
    """What reaches the tasks, none of which runs."""
    found: list[Namespace] = []
    fakes = tuple(replace(verb, run=found.append) for verb in command.VERBS)
    monkeypatch.setattr(command, "VERBS", fakes)
    return found


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_every_example_of_the_help_is_understood(
    name: str, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = caught(monkeypatch)
    line = example.removeprefix('eval "$(').removesuffix(')"  # in ~/.bashrc')
    line = line.partition(" > ")[0].partition(" | ")[0]
    program, *words = shlex.split(line, comments=True)
    assert program == "gfsalnet"
    command.main(words)
    assert [given.task for given in found] == [name]


def test_help_lists_every_task_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for verb in command.VERBS:
        assert verb.examples[0] in said
        assert f"    {verb.name}" in said


@pytest.mark.parametrize("verb", command.VERBS, ids=lambda verb: verb.name)
def test_help_of_a_task_shows_its_examples(
    verb: command.Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([verb.name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"  {example}\n" in said for example in verb.examples)
    assert max(map(len, said.splitlines())) <= 100


def test_help_is_quick() -> None:
    """Nothing is imported that takes longer than Python itself."""
    code = (
        "import sys, gfsalnet\nfrom pipeline.commands.main import build_parser\n"
        f"build_parser().format_help()\nprint(*sorted({HEAVY} & set(sys.modules)))"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_python_m_gfsalnet() -> None:
    done = run_python("-m", "gfsalnet", "--version")
    assert done.stdout == f"gfsalnet {VERSION}\n"


def test_an_unknown_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["predcit", "my.mp4"])
    assert ended.value.code == 2
    assert "'predcit' (choose from 'predict', 'reframe'," in capsys.readouterr().err


def test_an_unknown_option_shows_the_usage_of_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["predict", "my.mp4", "--output", "x"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: gfsalnet predict INPUT")
    assert said.endswith("gfsalnet predict: error: unrecognized arguments: --output x\n")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (InputError("my.mp4: no film; give one"), "gfsalnet info: my.mp4: no film; give one"),
        (PermissionError(13, "Permission denied", "x.mp4"), "gfsalnet info: x.mp4: no permission"),
        (MemoryError(), "gfsalnet info: not enough memory"),
        (KeyboardInterrupt(), "gfsalnet info: stopped"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    error: BaseException, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Namespace) -> None:
        raise error

    fakes = tuple(replace(verb, run=fail) for verb in command.VERBS)
    monkeypatch.setattr(command, "VERBS", fakes)
    with pytest.raises(SystemExit) as ended:
        command.main(["info"])
    message = ended.value.code
    assert isinstance(message, str)
    assert message.startswith(says)
    assert "\n" not in message


def test_a_fault_of_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Namespace) -> None:
        raise KeyError("x")

    fakes = tuple(replace(verb, run=fail) for verb in command.VERBS)
    monkeypatch.setattr(command, "VERBS", fakes)
    with pytest.raises(KeyError):
        command.main(["info"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90),
        (".5", 0.5),
        ("1:30", 90),
        ("0:01:30.5", 90.5),
        ("1:00:00", 3600),
        ("100:00", 6000),
    ],
)
def test_times(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "1:60", "1:60:00", "1:2:3:4", "1h", "nan", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected seconds"):
        seconds(text)


def test_score_knows_all_protocols() -> None:
    assert set(score.PROTOCOLS) == set(PROTOCOLS)


def completion(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    command.main(["completion", shell])
    return capsys.readouterr().out


def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bash itself is asked for the words after `gfsalnet sco` and `gfsalnet score --pro`."""
    script = tmp_path / "gfsalnet.sh"
    script.write_text(completion("bash", capsys))
    asking = """
        source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        $(complete -p gfsalnet | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo "${{COMPREPLY[@]}}"
    """
    for words, wanted in (
        ("gfsalnet sco", "score"),
        ("gfsalnet score --pro", "--protocol"),
        ("gfsalnet score --protocol dh", "dhf1k"),
    ):
        line = ["bash", "-c", asking.format(script=script, words=words)]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [wanted], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_are_completed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = completion(shell, capsys)
    assert [verb.name for verb in command.VERBS if verb.name not in text] == []
    assert "side-by-side" in text
