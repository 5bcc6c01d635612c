"""Pictures of every place of the window on a study: `python -m ctworkbench.ui.screenshots STUDY OUT [--charts DIR]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.settings import Settings
from ctworkbench.ui.app import application
from ctworkbench.ui.charts import ALL
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.study_view import PLACES, StudyView

SIZES = ((1366, 768), (1920, 1080))
_PATIENCE_SECONDS = 90.0
_QUIET_SECONDS = 0.3
_CHILD_YEARS = 18


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; 1 if the study cannot be shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path, help="folder for PLACE_WIDTHxHEIGHT.png")
    parser.add_argument("--charts", type=Path, help="folder for all charts as PNG and SVG, and a CSV per region")
    parser.add_argument("--places", nargs="+", choices=list(PLACES), default=list(PLACES))
    given = parser.parse_args(arguments)
    try:
        for path in take(given.study, given.out, given.places, charts=given.charts):
            print(path)
    except (WorkbenchError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def take(
    folder: Path,
    out: Path,
    places: Sequence[str] = tuple(PLACES),
    sizes: Sequence[tuple[int, int]] = SIZES,
    charts: Path | None = None,
) -> list[Path]:
    """Write pictures of the real window on a study, the first child with labels open; remembers nothing of the visit.

    Args:
        folder: the study.
        out: folder for the pictures; the tabs of Train and Charts have one each.
        places: "cohort", "review", "train", "charts", "jobs".
        sizes: widths and heights of the window in pixels.
        charts: folder for the charts themselves.

    Returns:
        What was written.

    Raises:
        StudyError: the study cannot be opened.
        OSError: a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with _window(folder, sizes[0], places[0]) as (window, study):
        chosen = _open_scan(study)
        for width, height in sizes:
            window.resize(width, height)
            for place in places:
                study.go(place)
                if place == "review" and chosen:
                    _wait(lambda: study.review is not None and study.review.session.case is not None)
                if place == "jobs" and study.jobs.model.ids:
                    study.jobs.select(study.jobs.model.ids[0])
                for name, turn in _pages(study, place).items():
                    turn()
                    _settle(study)
                    path = out / f"{name}_{width}x{height}.png"
                    if not window.grab().save(str(path), "PNG"):
                        raise OSError(f"{path} cannot be written.")
                    written.append(path)
        if charts is not None:
            study.go("charts")
            study.charts_place.show_page("charts")
            written += write_charts(study, charts)
    return written


def _pages(study: StudyView, place: str) -> dict[str, Callable[[], None]]:
    """What a place shows, by the name of its picture, and how to turn to it; Review, Train and Charts have several."""
    if place == "review" and study.review is not None:
        reading = study.review.reading
        pages: dict[str, Callable[[], None]] = {"review": reading.put_away, "review_slices": reading.toggle_lightbox}
        if len(study.review.session.versions) > 1:
            pages["review_compare"] = reading.toggle_desk
        return pages
    if place == "train":
        place_of = study.train_place
        return {"train": partial(place_of.show_page, "training"), "compare": partial(place_of.show_page, "comparison")}
    if place != "charts":
        return {place: lambda: None}
    tabs = study.charts_place
    return {name: partial(tabs.show_page, name) for name in tabs.names}


def write_charts(study: StudyView, out: Path) -> list[Path]:
    """Write all ten charts in one picture and one drawing, and the numbers of each region."""
    out.mkdir(parents=True, exist_ok=True)
    page = study.charts
    written: list[Path] = []
    for region, kinds in ((ALL, ("png", "svg")), *((name, ("csv",)) for name in load(DEFAULT).region_names)):
        page.choose_region(region)
        _settle(study)
        for kind in kinds:
            path = out / f"{'all_regions' if region == ALL else region}.{kind}"
            page.export(path)
            written.append(path)
    return written


@contextmanager
def _window(folder: Path, size: tuple[int, int], place: str) -> "Generator[tuple[MainWindow, StudyView]]":
    """The window on a study, closed at the end; its jobs are left alone."""
    application()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = QSettings(str(Path(scratch) / "window.ini"), QSettings.Format.IniFormat)
        window = MainWindow(Settings.from_environment(), fresh, preload=False)
        window.resize(*size)
        window.show()
        try:
            if not (folder / "study.toml").exists() or not window.open_study(folder, place=place):
                raise StudyError(f"There is no study in {folder} that can be opened.", "Name the folder of a study.")
            assert window.study is not None
            yield window, window.study
        finally:
            if window.study is not None:
                window.study.bridge.jobs.clear()  # closing must not ask about jobs: nobody is there to answer
            window.close()


def _open_scan(study: StudyView) -> bool:
    scans = study.workbench.cohort.scans()
    labelled = [scan for scan in scans if scan.versions]
    children = [scan for scan in labelled if scan.age_years is not None and scan.age_years < _CHILD_YEARS]
    chosen = next(iter(children or labelled or scans), None)
    if chosen is not None:
        study.open_scan.open(chosen.id)
    return chosen is not None


def _wait(until: Callable[[], bool], quiet_seconds: float = 0.0) -> None:
    """Let the window work until something has held for so long."""
    end = time.monotonic() + _PATIENCE_SECONDS
    since: float | None = None
    while time.monotonic() < end:
        QApplication.processEvents()
        since = (since or time.monotonic()) if until() else None
        if since is not None and time.monotonic() - since >= quiet_seconds:
            return
        time.sleep(0.005)


def _settle(study: StudyView) -> None:
    """Let the place read what it shows and draw itself."""
    _wait(lambda: study.bridge.idle, _QUIET_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
