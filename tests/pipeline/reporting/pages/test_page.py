"""How a page looks in each format, and that no text breaks it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from urllib.parse import unquote

import pytest
from jinja2 import UndefinedError

from pipeline.planning.paths import clip_page
from pipeline.reporting.intervals import Comparison
from pipeline.reporting.pages.page import (
    Cell,
    ClipTable,
    Page,
    Pair,
    Row,
    read_pages,
    write_index,
    write_page,
)
from pipeline.reporting.pages.rendering import latex_label, latex_text, markdown, render
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from tests.pipeline.reporting.conftest import MANY, SETTING_2, Html, sealed, settings


def test_html_is_well_formed_self_contained_and_shows_the_numbers(made):
    out = made(run="paper")
    text = (out / "table_1.html").read_text()
    page = Html(text)
    cells = page.table("Method")
    assert cells["ours"] == ["paper", "diff.", *["ours", "paper", "diff."] * 4]
    # A row that is only printed has neither a value of ours nor a difference.
    printed = ("0.879", "0.387", "2.319", "-", "2.012")
    assert cells["Fang & al. (nd)"] == [word for one in printed for word in ("", one, "")]
    # Equal to the centre bias: both have the star, and the next value the dagger.
    assert cells["Setting 1"][:3] == ["0.580*", "0.914", "-0.334 \u25bd"]
    assert cells["Setting 1"][9:12] == ["0.300*", "", ""]
    assert cells["Setting 2"][0] == "0.540\u2020"
    assert "<b>0.914</b>" in text and "<u>0.911</u>" in text
    assert "Forty-three &lt; forty-seven." in text
    scopes = {attrs["scope"] for tag, attrs in page.tags if tag == "th"}
    assert scopes == {"col", "colgroup", "row", "rowgroup"}
    assert not {"link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert page.values("src") == []
    (policy,) = (a["content"] for _, a in page.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'") and policy.count("sha256-") == 2


def test_better_and_worse_depend_on_the_metric(made):
    page = Html((made(run="paper") / "table_1.html").read_text())
    found = [a for tag, a in page.tags if tag == "td" and a.get("class", "").startswith("diff")]
    words = [one["class"].removeprefix("difference").strip() for one in found]
    # AUC-J, CC, NSS, SIM, KLDiv of the first measured row.
    assert words[10:15] == ["worse", "worse", "worse", "", "worse"]
    shown = page.table("Method")["Setting 1"][2::3]
    assert [word[:1] for word in shown] == ["-", "-", "-", "", "+"]
    assert {word for word in words[:10]} == {""}
    aloud = {a["aria-label"] for _, a in page.tags if a.get("class") == "mark"}
    assert aloud == {"worse"}


def test_intervals_are_shown_from_six_clips_on(scores, made):
    few = Html((made(run="paper") / "table_1.html").read_text())
    assert "small" not in {tag for tag, _ in few.tags[: few.tags.index(("h2", {"id": "pairs"}))]}
    for path in scores:
        sealed(path, MANY)
    page = Html((made(run="paper") / "table_1.html").read_text())
    cells = page.table("Method")["Setting 1"]
    assert cells[0] == "0.800* ([0.800, 0.800])"
    assert cells[2] == "-0.114 \u25bc"
    aloud = {a["aria-label"] for _, a in page.tags if a.get("class") == "mark"}
    assert aloud == {"better", "worse"}
    text = (made(run="paper") / "table_1.md").read_text()
    assert "- Intervals: 95 %, percentiles of a bootstrap over 6 clips" in text


def test_what_lies_within_an_interval_has_a_hollow_mark():
    inside, outside = (Cell(0.5, 0.4, interval) for interval in ((0.3, 0.6), (0.3, 0.45)))
    assert inside.mark("higher") == (
        "\u25bd",
        "worse",
        "worse, printed value within our interval",
    )
    assert outside.mark("lower") == ("\u25b2", "better", "better")
    as_shown = Cell(0.5, 0.7, (0.50049, 0.8))  # [0.500, 0.800]
    assert not as_shown.outside
    assert Cell(0.5, 0.7, (0.5006, 0.8)).outside
    assert Cell(0.5, 0.5004).mark("lower") == ("=", "equal", "equal")
    assert Cell(0.5, 0.4, comparable=False).mark("higher") is None
    assert Cell(None, 0.4).mark("higher") is None


def test_drawn_data_have_no_differences(made):
    out = made(run="demo")
    page = Html((out / "table_1.html").read_text())
    assert page.table("Method")["ours"] == ["paper", *["ours", "paper"] * 4]
    assert page.table("Method")["Setting 1"][:2] == ["0.580*", "0.914"]
    for name in ("table_1.md", "table_1.tex", "table_1.html", "index.md", "index.html"):
        assert "0.334" not in (out / name).read_text()
    assert {row["difference"] for row in read_rows(out / "table_1.csv")} == {""}


def test_markdown_shows_ours_printed_difference(made):
    out = made(run="paper")
    lines = (out / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if "| Setting 2 |" in line)
    assert row.split(" | ")[2:5] == ["0.540\u2020", "<ins>0.911</ins>", "-0.371 \u25bd"]
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {18, 8}  # the table, and the differences between rows


def test_footer_counts_frames_and_names_what_was_run(made):
    out = made()
    text = (out / "table_1.md").read_text()
    for said in (
        "- Note: Forty-three < forty-seven.",
        "- Frames: 6 of 2 clips",
        "- Left out of the means: empty_density 1 (CC, SIM, KLDiv); no_fixation 1 (AUC-J, NSS)",
        "- Odd, yet counted: Setting 2: constant_prediction 1 (AUC-J, CC, NSS, SIM, KLDiv)",
        "- Without a value, though counted: Setting 2: 1 (CC, NSS, SIM)",
        "- Intervals: none: 2 clips have a value, and with fewer than 6 none is shown",
        "- Average: mean over frames",
        "- Ground truth: paper",
        "- Optical flow: Setting 1, Setting 2: PWC-Net (weights mine.pth, SHA-256 01234567..., "
        "float32). Centre bias: none",
        "- Split: test",
        "- Protocol: mit",
        "- Configuration: c0ffee00",
        "- Code: 0123456789abcdef",
        "- Seed: 7",
    ):
        assert said in text


def test_index_links_every_table(made):
    one = settings().tables["table_1"]
    names = ("table_1", "table_10")
    out = made(tables=dict.fromkeys(names, one))
    links = {
        attrs["href"] for tag, attrs in Html((out / "index.html").read_text()).tags if tag == "a"
    }
    assert links == {"table_1.html", "table_10.html"}
    assert "[Table 10. Comparison on UCF-Sports](table_10.md)" in (out / "index.md").read_text()
    assert {path.name for path in out.iterdir()} == {
        *("index.md", "index.html", "pages.json", "files.json"),
        *(
            f"{name}{kind}"
            for name in names
            for kind in (".csv", "_clips.csv", ".md", ".html", ".tex")
        ),
    }


def test_infinite_means_are_shown_as_such(scores, made):
    sealed(scores[1], SETTING_2.replace("3.0,0.4,1.5,ok", "3.0,0.4,inf,ok"))
    out = made(run="paper")
    page = Html((out / "table_1.html").read_text())
    assert page.table("Method")["Setting 2"][12:] == ["inf", "1.568", "+inf \u25bd"]
    assert page.table("Difference")["Setting 1  (less Setting 2)"][4] == "-inf"


def test_a_table_without_printed_values_speaks_of_none(published, made):
    (published / "table_1.csv").unlink()
    out = made()
    text = (out / "table_1.md").read_text()
    assert "Ours is our value." in text and "printed" not in text
    assert "AUC-J \u2191 |" in text


@pytest.mark.parametrize("left_out", [{}, {"ucf_sports": "why"}])
def test_links_lead_to_files_that_are_there(left_out, made):
    out = made(left_out=left_out)
    for page in out.glob("*.html"):
        links = [a["href"] for tag, a in Html(page.read_text()).tags if tag == "a"]
        assert links and all((out / link).is_file() for link in links)
    for page in out.glob("*.md"):
        links = re.findall(r"\]\((.+?)\)", page.read_text())
        assert links and all((out / link).is_file() for link in links)


def test_latex_is_balanced_and_every_line_has_its_columns(made):
    out = made(run="paper")
    text = (out / "table_1.tex").read_text()
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    wide = [line for line in lines if not line.startswith(r"\multicolumn{6}")]
    assert len(wide) == 1 + 2 + 2 * 3 + 1
    assert {len(re.findall(r"(?<!\\)&", line)) for line in wide} == {5}
    assert r"Fang \& al. (nd) & 0.879 & 0.387 & 2.319 & - & 2.012 \\" in text
    assert r"{\scriptsize \underline{0.911}}" in text
    assert r"{\scriptsize \textbf{0.914}}" in text
    assert r"Forty-three \textless{} forty-seven." in text


def test_latex_escapes_what_it_would_read():
    assert latex_text(r"a_b & 5 % \ <c> #{~}") == (
        r"a\_b \& 5 \% \textbackslash{} \textless{}c\textgreater{} \#\{\textasciitilde{}\}"
    )
    assert latex_text("[x]") == "{}[x]", "an argument of the line end above it"
    assert latex_text("*x") == "{}*x"
    assert latex_text("a\n\nb\x07") == "a b "
    assert latex_label("a_b}%\\x.1") == "a-b---x.1"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(made):
    out = made(run="paper")
    packages = r"\documentclass{article}\usepackage{amssymb,booktabs}"
    main = packages + r"\begin{document}\input{table_1}\end{document}"
    (out / "main.tex").write_text(main)
    command = ["pdflatex", "-halt-on-error", "main.tex"]
    assert subprocess.run(command, cwd=out, check=False).returncode == 0


HOSTILE = r"<script>alert(1)</script> & a_b _c_ | 5 % *x* `y` [z](w) &lt; \ # {~^}"


@pytest.fixture
def hostile(tmp_path):
    """A page whose every text is hostile, in each format."""
    cell, compared = Cell(0.5, 0.4, (0.3, 0.5), "best", "second"), Comparison(0.1, (0.0, 0.2), 0.01)
    clips = ClipTable(HOSTILE, HOSTILE, (HOSTILE,), ((HOSTILE, (0.1,), float("nan")),))
    page = Page(
        name="page",
        caption=HOSTILE,
        metrics={HOSTILE: "higher"},
        rows=(Row(HOSTILE, HOSTILE, True, True, (cell,)),),
        pairs=(Pair(HOSTILE, HOSTILE, (compared,)),),
        pairs_note=HOSTILE,
        clips=clips,
        attributes=clips,
        remarks=(HOSTILE,),
        footer={HOSTILE: HOSTILE},
        links={"page.html": HOSTILE},
    )
    write_page(tmp_path, page, ("html", "md", "tex"))
    write_index(tmp_path, [page], HOSTILE, [HOSTILE])
    return tmp_path, page


@pytest.mark.parametrize("name", ["page.html", "index.html"])
def test_no_text_becomes_html(name, hostile):
    page = Html((hostile[0] / name).read_text())
    ours = 2 if name == "page.html" else 0
    assert [tag for tag, _ in page.tags].count("script") == ours
    assert page.text.count(HOSTILE) == (25 if name == "page.html" else 6)


@pytest.mark.parametrize("name", ["page.md", "index.md"])
def test_no_text_becomes_markdown(name, hostile):
    text = (hostile[0] / name).read_text()
    assert text.count(markdown(HOSTILE)) == (14 if name == "page.md" else 5)
    rest = text.replace(markdown(HOSTILE), "")
    assert "script" not in rest
    table = [line for line in text.splitlines() if line.startswith("|")]
    columns = {5, 3} if name == "page.md" else {9}
    assert {len(re.findall(r"(?<!\\)\|", line)) - 1 for line in table} == columns


def test_markdown_is_left_alone_where_it_means_nothing():
    plain = "w/o spatial & ch.-wise attention, ucf_sports, p < 0.05, 5 %, (nd)"
    assert markdown(plain) == plain
    assert markdown("<b> _x_ |*|&amp;") == r"\<b> \_x\_ \|\*\|\&amp;"
    assert markdown("~~x~~ $y$") == r"\~\~x\~\~ \$y\$"
    assert markdown("two\r\nlines\u2028more") == "two lines more"


def test_no_text_becomes_latex(hostile):
    text = (hostile[0] / "page.tex").read_text()
    rest = text.replace(latex_text(HOSTILE), "")
    assert text.count(latex_text(HOSTILE)) == 7
    assert "alert" not in rest
    # One column of names and one of values.
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rest.splitlines()} == {0, 1}


def test_a_misspelt_name_in_a_template_is_an_error():
    with pytest.raises(UndefinedError, match="'pages' is undefined"):
        render("index.html.j2", title="t", remarks=[])


def test_content_of_pages_is_read_back_as_written(hostile, made):
    folder, page = hostile
    # NaN is not equal to itself.
    assert repr(read_pages(folder)) == repr([page])
    (again,) = read_pages(made())
    assert again.rows[1].cells[1].printed == 0.387
    assert again.clips and again.clips.methods == ("Setting 1", "Setting 2", "Centre bias")


@pytest.mark.parametrize("text", [None, "{}", "<html>"])
def test_content_of_something_else_is_refused(text, tmp_path):
    if text is not None:
        (tmp_path / "pages.json").write_text(text)
    with pytest.raises(InputError, match=r"pages\.json: no pages of tables .*snakemake --force"):
        read_pages(tmp_path)


def test_values_and_clips_lead_to_the_pages_of_the_clips(made, tmp_path):
    out = made(run="demo", results=os.path.relpath(tmp_path / "results/demo"))
    page = Html((out / "table_1.html").read_text())
    links = {link for link in page.values("href") if "/clips/" in link}
    clips = {row["clip"] for row in read_rows(out / "table_1_clips.csv")}
    named = {clip_page("ucf_sports", clip) for clip in clips} | {"clips/ucf_sports.html"}
    assert {(out / link).resolve() for link in links} == {
        tmp_path / "results/demo" / unquote(name) for name in named
    }
    text = (out / "table_1.html").read_text()
    assert "--config run=demo -- " in text and "clips/ucf_sports.html</code> makes" in text
    index = Html((out / "index.html").read_text())
    assert "../results/demo/report.html" in index.values("href")
    assert "](../results/demo/reproduction.html)" in (out / "index.md").read_text()


def test_nothing_leads_to_results_outside_of_the_workflow(made):
    out = made(run="demo")
    assert not any("/" in link for name in ("table_1", "index") for link in links_of(out / name))


def links_of(path):
    return Html(path.with_suffix(".html").read_text()).values("href")
