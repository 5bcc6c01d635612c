"""Tables as files: CSV with all digits, Word and LaTeX as a journal wants them; one sheet is the source of all."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from docx import Document

from ctworkbench.core.analysis.article_tables import TITLES
from ctworkbench.core.analysis.observations import Exclusion, Observation
from ctworkbench.core.analysis.printing import docx_bytes, latex_table, tex
from ctworkbench.core.analysis.sheet import Column, TableSheet, p_text
from ctworkbench.core.analysis.tables import sheets, tables
from ctworkbench.core.analysis.writing import csv_text, write, write_sheets
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate

SHEET = TableSheet(
    name="made_up",
    title="Made up",
    caption="Table 9. Volumes & shares (100 % of cm³). p < 0.05.",
    columns=(
        Column("region", "Region", "text", names={"right_frontal": "Right frontal lobe"}),
        Column("mean", "Mean", until="sd", joint=" ± ", print_title="Mean ± SD"),
        Column("sd", "SD"),
        Column("low", "95 % CI", until="high"),
        Column("high", "to"),
        Column("p", "p", "p"),
        Column("df", "df", "count", printed=False),
    ),
    rows=(
        ("right_frontal", 200.6412345678901, 19.154, -1.5, 2.25, 3.14e-9, 12),
        ("brain_stem", 15.47, None, None, None, 0.0312, 3),
    ),
    notes=("Sex is unknown.",),
    exclusions=(Exclusion(table="table2", reason="sex unknown", volumes=10, subjects=("P1", "P2")),),
)


@pytest.fixture(scope="module")
def made() -> tuple[TableSheet, ...]:
    rows = [
        Observation(child.subject, child.sex, child.age_years, region, volume, "model", i, ("train", "test")[i % 2])
        for i, child in enumerate(simulate(published_norm(), 60, 4))
        for region, volume in child.volumes_cm3.items()
    ]
    return sheets(tables(rows))


def test_that_csv_keeps_all_digits_and_leaves_empty_what_is_not_there() -> None:
    rows = list(csv.reader(io.StringIO(csv_text(SHEET))))
    assert rows[0] == ["region", "mean", "sd", "low", "high", "p", "df"]
    assert rows[1][:2] == ["right_frontal", "200.6412345678901"]
    assert rows[2] == ["brain_stem", "15.47", "", "", "", "0.0312", "3"]


def test_that_print_joins_what_shares_a_cell_and_leaves_out_what_is_not_printed() -> None:
    headings, rows = SHEET.printed()
    assert headings == ["Region", "Mean ± SD", "95 % CI", "p"]
    assert rows == [
        ["Right frontal lobe", "200.64 ± 19.15", "−1.50 to 2.25", "3.1×10⁻⁹"],
        ["brain_stem", "15.47 ± –", "–", "0.031"],
    ]


@pytest.mark.parametrize(
    ("p", "text"), [(0.9996, "1.000"), (0.0499, "0.050"), (0.001, "0.001"), (9.96e-4, "1.0×10⁻³"), (0.0, "<10⁻³⁰⁰")]
)
def test_that_p_is_told_by_its_size(p: float, text: str) -> None:
    assert p_text(p) == text


def test_that_a_rounded_zero_has_no_sign() -> None:
    assert Column("x", "x").text(-0.001) == "0.00"


def test_that_latex_escapes_what_it_must_and_has_booktabs_rules() -> None:
    text = latex_table(SHEET)
    assert r"\caption{Volumes \& shares (100 \% of cm\textsuperscript{3}). p \textless{} 0.05.}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"Right frontal lobe & 200.64 $\pm$ 19.15 & $-$1.50 to 2.25 & 3.1$\times$10$^{-9}$ \\" in text
    assert r"\begin{tabular}{@{}lrrr@{}}" in text
    assert "10 volumes of 2 children, sex unknown" in text
    assert not re.search(r"[^\x00-\x7f]", tex("χ² η² ρ √ ≤ – − × ± λ “a” …"))


def test_that_every_sheet_in_latex_is_plain_ascii_but_for_accents(made: tuple[TableSheet, ...]) -> None:
    strange = {sign for sheet in made for sign in latex_table(sheet) if ord(sign) > 127}
    assert strange <= set("éáö·"), strange


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_that_latex_compiles(made: tuple[TableSheet, ...], tmp_path: Path) -> None:
    write_sheets(made, tmp_path, ("latex",), "")
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "booktabs.sty' not found" in ran.stdout:
        pytest.skip("LaTeX is installed without booktabs")
    assert ran.returncode == 0, ran.stdout[-600:]
    assert (tmp_path / "tables.pdf").exists()


def test_that_the_word_document_holds_every_table_with_its_caption_and_cells(made: tuple[TableSheet, ...]) -> None:
    document = Document(io.BytesIO(docx_bytes(made, "Research use only.")))
    assert len(document.tables) == len(made)
    texts = [paragraph.text for paragraph in document.paragraphs]
    for sheet, table in zip(made, document.tables, strict=True):
        assert sheet.caption in texts
        headings, rows = sheet.printed()
        assert [[cell.text for cell in row.cells] for row in table.rows] == [headings, *rows]
    assert texts[-1] == "Research use only."


def test_that_the_list_of_titles_is_that_of_the_sheets(made: tuple[TableSheet, ...]) -> None:
    assert [(sheet.name, sheet.title) for sheet in made] == list(TITLES)
    assert all(len(row) == len(sheet.columns) for sheet in made for row in sheet.rows)
    assert all(sheet.rows for sheet in made)


def test_that_table_5_names_the_larger_side_from_its_own_numbers() -> None:
    rows = [
        Observation(f"S{i:02d}", "M", 1.5 + 0.03 * i, f"{side}_frontal", volume + i, "expert")
        for i in range(20)
        for side, volume in (("right", 190.0 + i % 3), ("left", 200.0))
    ]
    caption = sheets(tables(rows))[-1].caption
    assert "the left is larger in frontal lobe (boys)" in caption and "right is larger" not in caption


def test_that_only_the_formats_asked_for_are_written(made: tuple[TableSheet, ...], tmp_path: Path) -> None:
    assert {path.name for path in write_sheets(made, tmp_path / "a", ("docx",), "n")} == {"tables.docx", "notes.txt"}
    kinds = {path.suffix for path in write_sheets(made, tmp_path / "b", ("csv",), "n")}
    assert kinds == {".csv", ".txt"}


def test_that_the_same_cohort_gives_the_same_text_files(tmp_path: Path) -> None:
    result = tables([Observation("S1", "M", 2.0, "brainstem", 15.0, "expert")])
    for folder in ("a", "b"):
        write(result, tmp_path / folder, ("csv", "latex"))
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
