"""`notemill report`: true figures, one page that is safe whatever notes say, and a viewer that works in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.report import drawing
from jobs.report.facts import throughput
from pipelines.io.ledger import Receipt
from tests.jobs.browser import Browser, chromium
from tests.jobs.conftest import Run
from tests.pipelines.cohort.runs import Chart, write_run
from tests.pipelines.feed.runs import make_run
from tests.pipelines.toys import notes_table, read_tables

ROOT = Path(__file__).parent.parent.parent
STYLE = (ROOT / "jobs" / "report" / "style.css").read_text()

ATTACK = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7*7 }}<!--"


def hostile() -> Chart:
    """Notes with markup wherever text can be, and characters of one and two UTF-16 units."""
    chart = Chart()
    for at in range(12):
        text = f"HPI {ATTACK}\n😀 naïve fever, no 𝒑ain; mother had asthma. Café's fever & chills\n\nPlan: aspirin {at}"
        note = chart.note(f"p{at}", "2020-01-01", text, note_type=f"type {at % 2} {ATTACK}", encounter_id=f"stay{at}")
        chart.section(note, "HPI", f"history_{ATTACK}", "10164-2")
        chart.section(note, "Plan", "plan")
        chart.entity(note, "fever", historical=True)
        chart.entity(note, "𝒑ain", negated=True)
        chart.entity(note, "asthma", experiencer="family", uncertain=True)
        chart.entity(note, "aspirin", f"Chemical {ATTACK}", hypothetical=True)
        chart.code(note, "R50.9", "fever", description=f"Fever {ATTACK}")
        chart.code(note, "R68.83", "fever & chills", description="Chills")
        chart.admission(f"stay{at}", f"p{at}", at / 12)
    return chart


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    counts = {"tokens": 90, "windows": 9, "positions": 100, "padding": 7, "truncated_tokens": 0, "saved": 0.25}
    attested = {
        "mode": "surrogate", "method": "Expert Determination needed", "reasons": [f"because {ATTACK}"],
        "meaning": "It is no legal certification.", "canary": {"workers": 2, "planted": {"A": 17}}, "tagger": {},
    }  # fmt: skip
    return write_run(
        str(tmp_path_factory.mktemp("run") / "run"),
        hostile().tables,
        rejects={"deidentify/NoteError": 3},
        encoded={"encoded": counts},
        stage_seconds={"validate": 0.5, "clinical_bert": 20.0},
        notes_per_second=4.5,
        deidentification=attested,
        receipt={"phi": {"label": {"DATE": 5, "PATIENT": 2}}, "started": 100.0, "finished": 110.0},
    )


@pytest.fixture(scope="module")
def page(run: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from jobs.report import command

    path = tmp_path_factory.mktemp("page") / "report.html"
    command.run(run, str(path), threads=1)
    return path


def test_figures_are_those_of_the_tables(notemill: Run, run: str, tmp_path: Path) -> None:
    status, out, err = notemill("report", "--run", run, "--output", str(tmp_path / "r.html"), "--json")
    assert (status, err) == (0, "")
    told: dict[str, Any] = json.loads(out)
    assert (told["notes"]["patients"], told["notes"]["encounters"], told["run"]["complete"]) == (12, 12, True)
    assert [row["count"] for row in told["notes"]["types"]] == [6, 6]
    assert told["rejects"] == [{"name": "deidentify/NoteError", "count": 3}]
    disease = told["entities"]["labels"][0]
    flags = {"count": 36, "negated": 12, "uncertain": 12, "historical": 12, "hypothetical": 0, "others": 12}
    assert disease == {"name": "Disease", **flags}
    assert told["entities"]["terms"]["Disease"] == [{"name": name, "count": 12} for name in ("asthma", "fever", "𝒑ain")]
    assert [(row["name"], row["count"]) for row in told["codes"]["top"]] == [("R50.9", 12), ("R68.83", 12)]
    assert sum(row["count"] for row in told["readmission"]["bins"]) == told["readmission"]["admissions"] == 12
    assert told["phi"]["total"] == 7
    assert {row["letter"]: row["count"] for row in told["phi"]["classes"] if row["count"]} == {"A": 2, "C": 5}
    assert told["machine"]["encoders"][0]["padding"] == 0.07
    assert told["throughput"] == {"points": [{"second": 0.0, "rate": 1.2}], "seconds": 10.0, "pauses": 0}


def test_the_page_asks_for_nothing_and_holds_no_markup_of_notes(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"(?:src|href)=[\"'](?!#|data:,)", text)
    assert "@import" not in text
    assert "url(" not in text
    assert ATTACK not in text
    assert escape(f"because {ATTACK}", quote=False).replace("'", "&#39;").replace('"', "&#34;") in text
    assert text.count("<script") == 2  # the notes as JSON, and the viewer
    assert text.count("</script>") == 2
    assert "owned" in text  # as text
    assert "49<!--" not in text
    assert "script-src 'sha256-" in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        pytest.skip("no Chromium is installed here")
    with Browser() as found:
        yield found


def test_the_viewer_in_a_browser(browser: Browser, page: Path) -> None:
    browser.said.clear()
    browser.asked.clear()
    browser.open(page)
    note = {row["note_id"]: row for row in hostile().tables["notes"]}
    assert browser.run("document.title") == "Notemill run toy"
    assert browser.run("document.querySelectorAll('#note option').length") == 12
    chosen = json.loads(browser.run("document.getElementById('shown').textContent"))["notes"]
    assert (
        browser.run("document.getElementById('text').textContent") == chosen[0]["text"] == note[chosen[0]["id"]]["text"]
    )
    assert not browser.run("document.querySelector('#text img, #text script')")
    words = "Array.from(document.querySelectorAll('#text .entity')).map(e => e.textContent)"
    assert browser.run(words) == ["fever", "𝒑ain", "asthma", "aspirin"]
    labels = "Array.from(document.querySelectorAll('#text .entity')).map(e => e.getAttribute('aria-label'))"
    assert browser.run(labels)[1:3] == ["𝒑ain, Disease, negated", "asthma, Disease, uncertain, experiencer family"]

    # Evidence is lit up while its code has the focus, and stays so where it was pressed.
    lit = "Array.from(document.querySelectorAll('#text .lit')).map(e => e.textContent).join('')"
    browser.run("document.querySelectorAll('#note-codes button')[1].focus()")
    assert browser.run(lit) == "fever & chills"
    browser.run("document.activeElement.blur()")
    assert browser.run(lit) == ""
    browser.run("document.querySelector('#note-codes button').click()")
    assert browser.run(lit) == "fever"
    browser.run("document.querySelector('#note-codes button').click()")

    # Entities by keyboard: one stop of the tab key, arrows between them.
    assert browser.run("document.querySelectorAll('#text [tabindex=\"0\"]').length") == 1
    browser.run("document.querySelector('#text [tabindex=\"0\"]').focus()")
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert browser.run("document.activeElement.textContent") == "asthma"
    assert "uncertain, experiencer family" in browser.run("document.getElementById('detail').textContent")

    # A label can be put out, another note chosen.
    browser.run("document.querySelector('#legend input').click()")
    assert browser.run("document.querySelectorAll('#text .entity.off').length") == 3
    browser.run("document.getElementById('next').click()")
    assert browser.run("document.getElementById('text').textContent") == chosen[1]["text"]

    assert browser.unnamed() == []
    assert browser.run("document.title") == "Notemill run toy"
    assert browser.said == []
    assert [url for url in browser.asked if not url.startswith("data:")] == [page.as_uri()]


def test_mentions_one_upon_another(browser: Browser, notemill: Run, tmp_path: Path) -> None:
    chart = Chart()
    note = chart.note("p", "2020-01-01", "has acute heart failure today")
    chart.entity(note, "acute heart failure", "Clinical_event", uncertain=True)
    chart.entity(note, "heart failure", "Disease")
    chart.entity(note, "heart failure", "Disease_disorder")
    run = write_run(str(tmp_path / "run"), chart.tables)
    assert notemill("report", "--run", run, "--output", str(tmp_path / "r.html"))[0] == 0
    browser.said.clear()
    browser.open(tmp_path / "r.html")
    assert browser.run("document.getElementById('text').textContent") == "has acute heart failure today"
    told = "Array.from(document.querySelectorAll('#text .entity')).map(e => [e.textContent, e.dataset.label || ''])"
    assert browser.run(told) == [["acute ", ""], ["heart failure", "Clinical event · Disease · Disease disorder"]]
    browser.run("document.querySelectorAll('#text .entity')[1].click()")
    words = "Array.from(document.querySelectorAll('#detail dd')).filter((e, at) => at % 5 == 0).map(e => e.textContent)"
    assert sorted(browser.run(words)) == ["acute heart failure", "heart failure", "heart failure"]
    for at in range(3):
        browser.run(f"document.querySelectorAll('#legend input')[{at}].click()")
    assert browser.run("document.querySelectorAll('#text .entity:not(.off)').length") == 0
    assert browser.said == []


def test_it_fits_narrow_screens_and_paper(browser: Browser, page: Path) -> None:
    browser.open(page)
    for width in (1280, 390):
        browser.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        assert browser.run("document.documentElement.scrollWidth") <= width
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.send("Emulation.setEmulatedMedia", media="")
    assert browser.said == []


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_is_that_of_wcag_aa(scheme: int) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]))
    pairs = [("ink", "card"), ("ink", "ground"), ("soft", "card"), ("soft", "ground"), ("accent", "card"),
             ("accent", "ground"), ("good", "good-ground"), ("warn", "warn-ground"), ("lit-ink", "lit"),
             *(("chip-ink", f"c{at}") for at in range(10))]  # fmt: skip
    for front, back in pairs:
        light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)


def test_a_large_run_makes_a_small_page(notemill: Run, tmp_path: Path) -> None:
    chart = Chart()
    for at in range(300):
        chart.note("p", "2020-01-01", f"{at} " + "é<&'漢" * (18_000 if at % 3 else 100), note_type=f"type {at % 5}")
    chart.note("p", "2020-01-01", "x" * 200_000, note_type="too long")
    run = write_run(str(tmp_path / "run"), chart.tables)
    assert notemill("report", "--run", run, "--output", str(tmp_path / "r.html"), "--notes", "200")[0] == 0
    assert 100_000 < (tmp_path / "r.html").stat().st_size < 5_000_000
    assert "too long" in (tmp_path / "r.html").read_text()  # among the types


def test_nothing_raw_is_in_it(notemill: Run, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tmp_path / "in.parquet", notes_table(30))
    assert notemill("report", "--run", run, "--output", str(tmp_path / "r.html"))[0] == 0
    text = (tmp_path / "r.html").read_text()
    assert "[IDNUM]" in text
    assert "SECRET" not in text
    crosswalk = read_tables(run)["crosswalk"]
    assert set(crosswalk["note_id"].to_pylist()) & set(re.findall(r"[0-9a-f]{32}", text))
    for name in ("raw_note_id", "raw_patient_id", "raw_encounter_id"):
        assert not [raw for raw in crosswalk[name].drop_null().to_pylist() if f'"{raw}"' in text]


def test_unfinished_and_bare_runs(notemill: Run, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", tmp_path / "in.parquet", notes_table(30))
    (tmp_path / "run" / "_run.json").unlink()
    sorted((tmp_path / "run" / "_ledger").iterdir())[0].unlink()
    status, out, _ = notemill("report", "--run", run, "--output", str(tmp_path / "r.html"), "--json")
    assert (status, json.loads(out)["run"]["complete"]) == (0, False)
    assert "This run is not complete" in (tmp_path / "r.html").read_text()
    shutil.rmtree(tmp_path / "run" / "_ledger")
    status, out, _ = notemill("report", "--run", run, "--output", str(tmp_path / "r.html"), "--json")
    assert (status, json.loads(out)["notes"]["notes"]) == (0, 0)


def test_calibration_by_the_ids_of_the_input(notemill: Run, run: str, tmp_path: Path) -> None:
    toy = make_run(tmp_path / "run", tmp_path / "in.parquet", notes_table(200))
    scores = duckdb.sql(
        "select raw_encounter_id as encounter_id, any_value(probability) > 0.6 as readmitted "
        f"from '{toy}/readmission/*.parquet' join '{toy}/crosswalk/*.parquet' using (encounter_id) "
        "where probability is not null group by 1"
    ).fetchall()
    pq.write_table(pa.table(list(zip(*scores, strict=True)), ["encounter_id", "readmitted"]), tmp_path / "o.parquet")
    options = ("--output", str(tmp_path / "r.html"), "--outcomes", str(tmp_path / "o.parquet"))
    status, out, _ = notemill("report", "--run", toy, *options, "--json")
    found = json.loads(out)["readmission"]["calibration"]
    assert (status, found["admissions"]) == (0, len(scores))
    assert sum(row["n"] * row["observed"] for row in found["bins"]) == pytest.approx(sum(done for _, done in scores))
    assert [row["observed"] for row in found["bins"]] == sorted(row["observed"] for row in found["bins"])
    status, _, err = notemill("report", "--run", run, *options)
    assert (status, err.count("\n")) == (2, 1)
    assert "no encounter_id of it is one of the run's" in err


def test_wrong_requests_are_refused_in_a_line(notemill: Run, run: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"encounter_id": ["a"]}), tmp_path / "few.parquet")
    right = {"run": run, "output": str(tmp_path / "r.html")}
    for wrong, says in (
        ({"run": str(tmp_path)}, "holds no run"),
        ({"outcomes": str(tmp_path / "no.parquet")}, "cannot be read as Parquet"),
        ({"outcomes": str(tmp_path / "few.parquet")}, "needs the columns encounter_id and one of readmitted"),
        ({"output": str(tmp_path / "no" / "r.html")}, "cannot write"),
    ):
        options = [word for key, value in {**right, **wrong}.items() for word in (f"--{key}", value)]
        status, out, err = notemill("report", *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert says in err


def test_lines_of_the_readme(notemill: Run, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.findall(r"^notemill report (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert lines
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        assert notemill("report", *line.split())[0] == 0
    assert (tmp_path / "report.html").is_file()


def test_throughput_leaves_pauses_out_and_no_note() -> None:
    def split(start: float, end: float, rows: int) -> Receipt:
        return Receipt("s", 0, rows, rows, 0, started=start, finished=end)

    found = throughput([split(0, 10, 100), split(5, 20, 150), split(90_000, 90_010, 50)])
    assert (found["seconds"], found["pauses"]) == (30.0, 1)
    width = found["seconds"] / len(found["points"])
    assert sum(point["rate"] * width for point in found["points"]) == pytest.approx(300, rel=1e-3)
    assert throughput([])["points"] == []


@pytest.mark.parametrize(("most", "last"), [(0, 1), (1, 1), (7, 8), (100, 100), (101, 150), (0.3, 0.3), (59, 60)])
def test_axes_end_at_round_numbers(most: float, last: float) -> None:
    assert drawing.nice(most)[-1] == pytest.approx(last)
