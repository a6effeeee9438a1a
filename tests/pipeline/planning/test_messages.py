"""What Snakemake prints is short, and ends with the errors of the jobs that failed."""

from __future__ import annotations

import logging
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.planning.messages import Messages, readable
from pipeline.runtime.errors import meant


class Terminal:
    """A logger that writes as Snakemake's does, seen through `readable`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: bool) -> None:
        self.text, self.log = StringIO(), StringIO()
        monkeypatch.setattr("sys.stderr", self.text)
        self.logger = logging.Logger("snakemake")  # not that of this process
        for stream in (self.text, self.log):
            handler = logging.StreamHandler(stream)
            handler.setFormatter(logging.Formatter())
            self.logger.addHandler(handler)
        wanted = SimpleNamespace(**{"verbose": False, "printshellcmds": False} | settings)
        workflow = SimpleNamespace(
            logger_manager=SimpleNamespace(logger=self.logger),
            output_settings=wanted,
            rules=[SimpleNamespace(name="preflight", output=["results/tables"])],
        )
        self.messages = readable(workflow, lambda: ["data/dhf1k/frames/0001.json"])

    def fail(self, number: int, log: Path) -> None:
        extra = {"event": "job_error", "jobid": number, "rule_name": "frames", "log": [str(log)]}
        self.logger.error("Error in rule frames", extra=extra)


def test_long_lines_are_cut_on_the_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    line = "input: " + ", ".join(f"data/{number}.json" for number in range(2000))
    terminal.logger.info(f"rule all:\n{line}\nshort")
    first, second, third = terminal.text.getvalue().splitlines()
    assert (first, third) == ("rule all:", "short")
    assert len(second) < 450
    assert second.startswith("input: data/0.json,") and second.endswith("data/1999.json")
    assert f"{len(line) - 400:,} characters" in second
    assert line in terminal.log.getvalue()


@pytest.mark.parametrize("setting", ["verbose", "printshellcmds"])
def test_who_asks_for_all_gets_all(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    terminal = Terminal(monkeypatch, **{setting: True})
    terminal.logger.info("x" * 5000)
    assert "x" * 5000 in terminal.text.getvalue()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/tabels", "results/tabels: nothing makes it; did you mean results/tables?"),
        ("prefligt", "prefligt: nothing makes it; did you mean preflight?"),
        ("data/dhf1k/frame/0001.json", "did you mean data/dhf1k/frames/0001.json?"),
        ("xyz", "xyz: nothing makes it\n"),
        ("data/part/dhf1k/frames/0601.json", "another run needs that run's name: --config run="),
    ],
)
def test_a_target_that_nothing_makes(
    monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    terminal = Terminal(monkeypatch)
    terminal.logger.error(f"MissingRuleException:\nNo rule to produce {target} (if you use ...).")
    assert said in terminal.text.getvalue()


def test_an_input_that_is_dated_later_than_now(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    terminal.logger.error(
        "Output data/0001.zarr has older modification time (2026-11-28 21:31:30.43) than input "
        "raw/a b.avi (2026-11-28 22:30:38.74). This could indicate a clock skew problem."
    )
    assert terminal.text.getvalue().endswith(
        "\nraw/a b.avi: dated later than now; touch it and all that is, then call again\n"
    )


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("1 frame\npython -m pipeline.a.b: x: broken; mend it\n", "  python -m pipeline.a.b: x: b"),
        ("Traceback:\n" + "  File\n" * 50 + "TypeError: mistake\n", "  TypeError: mistake"),
        ("", "  its log is empty"),
        (None, "  no log was written"),
        ("python -m pipeline.a: does not fit:\n  seed: \ud800\n", "  python -m pipeline.a: does"),
    ],
)
def test_a_job_that_failed_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str | None, words: str
) -> None:
    terminal = Terminal(monkeypatch)
    if log is not None:
        (tmp_path / "a.log").write_bytes(log.encode(errors="surrogatepass"))
    terminal.fail(1, tmp_path / "a.log")
    said = terminal.messages.errors().splitlines()
    assert said[1] == f"frames failed ({tmp_path / 'a.log'}):"
    assert any(line.startswith(words) for line in said[2:])
    assert len(said) < 16


def test_a_job_that_was_tried_again_did_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(monkeypatch)
    for number in range(13):
        terminal.fail(number, tmp_path / f"{number}.log")
    extra = {"event": "job_finished", "job_id": 0}
    terminal.logger.info("Finished jobid: 0", extra=extra)
    said = terminal.messages.errors()
    assert "/0.log" not in said
    assert said.endswith("and 2 more jobs failed")


def test_what_preflight_found(tmp_path: Path) -> None:
    messages, report = Messages(), tmp_path / "preflight.json"
    report.write_text('{"ready": false}')
    assert not messages.found(str(report)), "another run's report"
    record = logging.makeLogRecord({"event": "job_info", "rule_name": "preflight"})
    assert messages.filter(record)
    assert messages.found(str(report))
    report.write_text('{"ready": true}')
    assert not messages.found(str(report))


def test_the_word_that_was_meant() -> None:
    assert meant("NNS", ["NSS", "CC"]) == "; did you mean NSS?"
    assert meant("GFSALNET", ["gfsalnet"]) == "; did you mean gfsalnet?"
    assert meant("x", ["gfsalnet"]) == meant("x", []) == meant(7, ["a"]) == ""
