"""Charts on the command line, without a window or a screen."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ctworkbench.cli.charts import COLOR_BY as WORDS
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.chart_files import Wanted, write_charts
from ctworkbench.ui.chart_groups import COLOR_BY
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files") / "study"
    seed(folder).close()
    return folder


@pytest.fixture
def workbench(study: Path) -> Iterator[Workbench]:
    opened = Workbench.open(study, Settings(author="reader"))
    yield opened
    opened.close()


def test_that_the_command_draws_charts_where_there_is_no_screen(study: Path, tmp_path: Path) -> None:
    words = ["--out", str(tmp_path / "charts"), "--region", "all", "cerebellum", "--format", "svg", "csv"]
    words += ["--subject", "P008", "--color-by", "site", "--bands", "centiles"]
    bare = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "QT_QPA_PLATFORM")}
    run = subprocess.run(
        [sys.executable, "-m", "ctworkbench", "charts", str(study), *words],
        env=bare, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    names = [Path(line).name for line in run.stdout.split()]
    assert names == ["all_regions.svg", "all_regions.csv", "cerebellum.svg", "cerebellum.csv"]
    text = "".join(ElementTree.parse(tmp_path / "charts" / "cerebellum.svg").getroot().itertext())
    for part in ("Cerebellum", "North (7)", "South (8)", "Centiles 5 25 50 75 95", "P008", "Research use only"):
        assert part in text
    with (tmp_path / "charts" / "all_regions.csv").open(encoding="utf-8", newline="") as stream:
        assert len({row["chart"] for row in csv.DictReader(stream)}) == 10


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(regions=("thalamus",)), "no region or pair 'thalamus'"),
        (Wanted(subject="P999"), "no measured scan of P999"),
        (Wanted(source="model"), "No label map by a model was measured yet"),
    ],
)
def test_that_what_is_not_there_is_said_by_name(
    workbench: Workbench, tmp_path: Path, wanted: Wanted, said: str
) -> None:
    with pytest.raises(WorkbenchError, match=said):
        write_charts(workbench, tmp_path, wanted)
    assert list(tmp_path.iterdir()) == []


def test_that_the_command_knows_all_that_the_window_colours_by() -> None:
    assert set(WORDS) == set(COLOR_BY)
