"""Milliseconds from the key to the sheet of 24 slices on the screen, and of a slice of two versions side by side.

The scan has 512 × 512 × 224 voxels with noise throughout, and ten regions. The bound of the sheet is 300 ms.

python -m tests.bench.bench_reading [REPEATS]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.app import dress
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.lightbox import PLANES
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import add_scan

SHAPE, SPACING = (512, 512, 224), (0.45, 0.45, 0.7)
BOUND_MS = 300.0


def large_head() -> tuple[Volume, Volume]:
    """HU (int16) and ten regions (uint8) of an ellipsoid with the noise of a CT, axes (x, y, z) in RAS."""
    chance = np.random.default_rng(1)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = [-size * length / 2 for size, length in zip(SHAPE, SPACING, strict=True)]
    x, y = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
    image, labels = np.empty(SHAPE, np.int16, order="F"), np.zeros(SHAPE, np.uint8, order="F")
    sector = (np.floor((np.arctan2(y, x) / np.pi + 1) * 2.5).astype(np.uint8) % 5) + 1
    for place, z in enumerate(np.linspace(-1, 1, SHAPE[2])):
        radius = np.sqrt(x**2 + y**2 + z**2) / 0.85
        brain = radius < 0.88
        hu = np.select([brain, radius < 0.95, radius < 1.0], [35.0, 900.0, 40.0], -1000.0)
        image[:, :, place] = np.rint(hu + 6 * chance.standard_normal(radius.shape, np.float32))
        labels[:, :, place][brain] = sector[brain] + (5 if z > 0 else 0)
    return Volume(image, affine), Volume(labels, affine)


def milliseconds(app: QApplication, act: Callable[[], object], page: ReviewPage) -> float:
    """From the call until everything it asked for is painted."""
    start = time.perf_counter()
    act()
    app.processEvents()
    page.repaint()
    return 1000 * (time.perf_counter() - start)


def wait_until(app: QApplication, condition: Callable[[], bool]) -> None:
    """Let the window work until something is so."""
    while not condition():
        app.processEvents()
        time.sleep(0.01)


def tell(name: str, times: list[float]) -> None:
    """One line of figures."""
    print(f"{name:44} median {np.median(times):6.0f} ms   p95 {np.percentile(times, 95):6.0f} ms")


def main(repeats: int) -> int:
    """Print the figures; 1 if the sheet is slower than its bound."""
    app = QApplication([])
    dress(app)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        workbench = Workbench.create(folder / "study", Settings(author="reader"))
        image, labels = large_head()
        scan = add_scan(workbench, "P001", image, labels)
        changed = labels.voxels.copy(order="F")
        changed[200:260, 200:260, 80:140] = 3
        first = workbench.review.annotations(scan)[0]
        workbench.review.save(scan, first.id, Volume(changed, labels.affine))
        bridge = Bridge(workbench)
        page = ReviewPage(workbench, bridge, QSettings(str(folder / "w.ini"), QSettings.Format.IniFormat))
        page.resize(1786, 1000)
        page.show()
        page.open_scan(scan)
        wait_until(app, lambda: page.session.case is not None)
        lightbox, desk, view = page.reading.lightbox, page.reading.desk, page.view
        sheets: dict[str, list[float]] = {plane.name: [] for plane in PLANES}
        for _ in range(repeats):
            for plane in PLANES:
                lightbox.plane = plane
                sheets[plane.name].append(milliseconds(app, page.reading.toggle_lightbox, page))
                page.reading.toggle_lightbox()
        for name, times in sheets.items():
            tell(f"sheet of 24 {name.lower()} slices", times)
        page.reading.toggle_desk()
        wait_until(app, lambda: bool(desk.changes))
        desk.changed_slices()
        view.go_to((60, 256, 256))
        steps = [milliseconds(app, lambda: view.step(1, view.axial), page) for _ in range(3 * repeats)]
        tell("a slice of two versions side by side", steps)
        page.dispose()
        bridge.close()
        workbench.close()
    return int(np.median(sheets["Axial"]) > BOUND_MS)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
