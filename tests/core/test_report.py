"""The report of a child is one readable page, its sides are right, and it knows where the norm ends."""

import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ctworkbench.core import schemes
from ctworkbench.core.errors import StudyError, VolumeError, WorkbenchError
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.change import ChildScan
from ctworkbench.core.norms.child import describe
from ctworkbench.core.norms.measurement_error import TOTAL, MeasurementError, unknown
from ctworkbench.core.report import RESEARCH_ONLY, ReportInput, child_report, compose
from ctworkbench.core.report.images import cuts
from ctworkbench.core.report.numbers import centile_text, range_text
from ctworkbench.core.report.page import wrap
from ctworkbench.core.volume import Volume

NORM = published_norm()
SCHEME = schemes.load()
UID = "1.2.826.0.1.3680043.8.498.1012345678901234567890123456789012345"


def head() -> tuple[Volume, Volume]:
    """A small head of 4 mm voxels: skull, brain, ten regions as blocks; RAS, so x grows to the patient's right."""
    shape, spacing = (40, 50, 36), np.array([4.0, 4.0, 4.0])
    x, y, z = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"
    )
    radius = np.sqrt((x / 68) ** 2 + (y / 84) ** 2 + (z / 62) ** 2)
    hu = np.where(radius < 1, 800, -1000)
    hu[radius < 0.92] = 10
    labels = np.zeros(shape, dtype=np.uint8)
    brain, left = radius < 0.85, (x < 0).astype(np.uint8)
    for code, part in ((1, y > 10), (3, (y <= 10) & (z > 0)), (5, (y < -40) & (z <= 0)), (7, (y >= -40) & (z <= 0))):
        take = brain & part & (labels == 0)
        labels[take] = code + left[take]
    labels[brain & (y < -15) & (z < -20)] = 9
    labels[brain & (abs(x) < 12) & (abs(y) < 12) & (z < -5)] = 10
    hu[labels > 0] = 35
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    return Volume(hu.astype(np.int16), affine), Volume(labels, affine)


IMAGE, LABELS = head()
SD = 2.0  # Sw of every region in these pages, cm³
ERRORS = {
    name: MeasurementError(name, "registration, quick", SD, 1.5, 3.0, 9, 18, basis="phantoms", note="From repeats.")
    for name in (*NORM.regions, *NORM.pairs, TOTAL)
}
VOLUMES = {region: NORM.mean(region, "F", 1.83) + 0.5 * NORM.sd(region) for region in NORM.regions}


def scan(
    volumes: dict[str, float] | None = None, age: float | None = 1.83, number: int = 1, **change: Any
) -> ChildScan:
    told: dict[str, Any] = {"labels": "registration, version 1", "method": "registration, quick", "method_key": "q"}
    told |= {"scanner": "GE Revolution CT", "thickness_mm": 0.625, "image_key": f"i{number}", "errors": ERRORS}
    return ChildScan(number, age, VOLUMES if volumes is None else volumes, **(told | change))


def page(
    own: ChildScan | None = None, sex: str | None = "F", others: tuple[ChildScan, ...] = (), **change: Any
) -> ReportInput:
    told: dict[str, Any] = {
        "facts": (("Subject", "CHILD-0042"), ("Sex", "female"), ("Age", "1.83 years at the scan")),
        "acquisition": (("Scanner", "GE Revolution CT"), ("Slices", "0.625 mm thick"), ("Series UID", UID)),
        "provenance": (("Labels", "expert, version 3"), ("Weights", "sha256 " + "9f86d081" * 8)),
        "warnings": ("The contours were drawn in a hurry.",),
        "program": "CT Workbench 0.1.0",
    }
    child = describe("CHILD-0042", sex, own or scan(), NORM, SCHEME, others)
    return ReportInput(child, IMAGE, LABELS, **(told | change))


CHILD = page()
ADULT = page(scan(age=45.0), "M")
EARLIER = scan({name: value - 6.0 for name, value in VOLUMES.items()}, 1.6, 2)


@cache
def texts(report: ReportInput) -> list[str]:
    return [text.get_text() for axes in compose(report).axes for text in axes.texts]


def sentences(found: list[str]) -> list[str]:
    """What is wrapped over lines, put together again."""
    return [" ".join(found)]


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "PIR"])
def test_that_the_patients_right_is_on_the_left_of_the_page_in_any_orientation(axcodes: str) -> None:
    axial, coronal, sagittal = cuts(IMAGE.oriented(axcodes), LABELS.oriented(axcodes), SCHEME)
    for cut in (axial, coronal):
        columns = {
            code: np.flatnonzero((cut.labels == code).any(axis=0)).mean()
            for code in (1, 2, 3, 4, 7, 8)
            if (cut.labels == code).any()
        }
        assert columns
        for right in (1, 3, 7):
            if right in columns:
                assert columns[right] < columns[right + 1]
        assert (cut.left, cut.right) == ("R", "L")
    frontal, occipital = (
        np.flatnonzero(np.isin(sagittal.labels, codes).any(axis=0)).mean() for codes in ((1, 2), (5, 6, 9))
    )
    assert frontal < occipital and (sagittal.left, sagittal.right) == ("A", "P")
    rows = np.arange(coronal.labels.shape[0])
    parietal, temporal = ((np.isin(coronal.labels, c).sum(axis=1) * rows).sum() for c in ((1, 2, 3, 4), (7, 8, 9, 10)))
    assert parietal > temporal  # rows run up the page, towards the top of the head


def test_that_the_slices_do_not_change_with_the_stored_orientation() -> None:
    for one, other in zip(
        cuts(IMAGE, LABELS, SCHEME), cuts(IMAGE.oriented("LPI"), LABELS.oriented("LPI"), SCHEME), strict=True
    ):
        assert np.array_equal(one.image, other.image) and np.array_equal(one.labels, other.labels)
        assert (one.box, one.number) == (other.box, other.number)


def test_that_a_child_within_the_norm_gets_z_centile_and_asymmetry() -> None:
    found = texts(CHILD)
    assert found.count("+0.50") == 10 and found.count("69") == 10
    z = NORM.asymmetry_z("frontal", "F", 1.83, VOLUMES["right_frontal"], VOLUMES["left_frontal"])
    assert f"{z:+.2f}".replace("-", "−") in found
    assert RESEARCH_ONLY in found and "CHILD-0042" in found
    assert any("1.5–2.5 years" in text for text in found) and any("one scanner" in text for text in found)
    assert "".join(text for text in found if text and text in UID) == UID


def test_that_both_intervals_of_a_centile_stand_apart_under_their_names() -> None:
    found = texts(CHILD)
    row = CHILD.child.rows[-1]
    assert range_text(row.centile_low, row.centile_high) in found
    assert range_text(row.measured_low, row.measured_high) in found
    ends = [row.measured_low, row.centile_low, row.centile, row.centile_high, row.measured_high]
    assert ends == sorted(ends, key=lambda end: end or 0.0)
    assert "95 % by the\nnorm's sample" in found and "95 % by meas-\nurement error" in found
    assert found.count("±3.9") == 15  # 1.96 · 2.0: ten regions, four pairs and the total


def test_that_noise_is_not_printed_as_disease() -> None:
    small = VOLUMES | {"brainstem": NORM.mean("brainstem", "F", 1.83) - 2.2 * NORM.sd("brainstem")}
    found = texts(page(scan(small)))
    assert any("?: beyond ±2 SD, but measurement error could have made it." in text for text in sentences(found))
    near = VOLUMES | {"cerebellum": NORM.mean("cerebellum", "F", 1.83) + 1.0}
    assert any("within the measurement error" in text for text in sentences(texts(page(scan(near)))))


def test_that_an_unknown_measurement_error_draws_no_bar_and_says_so() -> None:
    nothing = {name: unknown(name, "expert", "nobody was read twice") for name in ERRORS}
    report = page(scan(errors=nothing))
    found = texts(report)
    assert not any(text.startswith("±") and text[1:2].isdigit() for text in found)
    assert any("not known: nobody was read twice" in text for text in sentences(found))
    bars = [axes for axes in compose(report).axes if axes.containers]
    assert not bars


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"own": scan(age=45.0)}, "age 45 y is outside the norm's 1.5–2.5 years"),
        ({"sex": None}, "the sex is unknown"),
        ({"own": scan(thickness_mm=5.0)}, "slices of 5 mm are outside the norm's 0.625–1.25 mm"),
    ],
)
def test_that_outside_the_norm_the_page_has_no_z_and_no_centile_and_says_why(change: dict, reason: str) -> None:
    found = texts(page(**change))
    assert f"No z-score and no centile: {reason}." in found
    assert not any(text.startswith("+0.50") or text in ("69", "Centile") for text in found)
    assert RESEARCH_ONLY in found


def test_that_a_region_that_is_missing_is_called_so_and_has_no_centile() -> None:
    found = texts(page(scan(VOLUMES | {"left_occipital": 0.0})))
    assert found.count("not found") == 1 and "a side is missing" in found
    assert any("Total: not given, since not all regions were found" in text for text in sentences(found))
    assert found.count("69") == 9


def test_that_two_scans_are_joined_with_the_change_and_the_smallest_that_can_be_detected() -> None:
    report = page(others=(EARLIER,))
    found = texts(report)
    assert found.count("+6.0") == 10 and "+60.0" in found
    assert found.count(f"{1.96 * np.sqrt(2) * SD:.1f}") == 11
    assert "Change from\n1.60 y, cm³" in found
    charts = [axes for axes in compose(report).axes if axes.get_title() == "Cerebellum"]
    assert [len(line.get_xdata()) for line in charts[0].lines].count(2) >= 1  # the two scans, joined


def test_that_a_phantom_is_called_one_in_red_at_the_top() -> None:
    assert any(text.startswith("Digital phantom: simulated images, no patient.") for text in texts(page(phantom=True)))
    assert not any("phantom" in text.lower() for text in texts(CHILD))


LONG = page(
    facts=(("Subject", "SUBJECT-WITH-A-VERY-LONG-CODE-THAT-GOES-ON-AND-ON-0000000000000001"),),
    provenance=tuple((f"Step {i}", "sha256 " + "9f86d081" * 8) for i in range(9)),
    warnings=tuple(
        f"Warning {i} that says at some length what is wrong with this series and its slices" for i in range(9)
    ),
    phantom=True,
)


@pytest.mark.parametrize(
    "report",
    [CHILD, ADULT, LONG, page(scan(age=None)), page(others=(EARLIER,)), page(scan(age=3.2), others=(EARLIER,))],
    ids=["child", "adult", "long", "no age", "two scans", "two scans, one outside"],
)
def test_that_no_text_leaves_the_page_is_tiny_or_lies_on_other_text(report: ReportInput) -> None:
    figure = compose(report)
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    drawn = [text for axes in figure.axes for text in axes.texts]
    drawn += [text for axes in figure.axes if axes.axison for text in [axes.title, *axes.get_xticklabels()]]
    shown = [text for text in drawn if text.get_text().strip()]
    assert len(shown) > 60
    assert min(float(text.get_fontsize()) for text in shown) >= 6.5
    boxes = [text.get_window_extent(renderer).padded(-0.5) for text in shown]
    whole = figure.bbox
    for text, box in zip(shown, boxes, strict=True):
        assert whole.x0 < box.x0 and box.x1 < whole.x1 and whole.y0 < box.y0 and box.y1 < whole.y1, text.get_text()
    for (one, a), (other, b) in itertools.combinations(zip(shown, boxes, strict=True), 2):
        assert not a.overlaps(b), f"{one.get_text()!r} lies on {other.get_text()!r}"


def test_that_the_sagittal_slice_lies_in_one_hemisphere() -> None:
    sagittal = cuts(IMAGE, LABELS, SCHEME)[2]
    assert {1, 3, 5} <= set(np.unique(sagittal.labels)) and not np.isin(sagittal.labels, (2, 4, 6, 8)).any()


def test_that_an_implausible_volume_sends_the_reader_to_the_labels() -> None:
    grown = page(scan(VOLUMES | {"brainstem": 31.0}))
    assert any("look at them first" in text for text in sentences(texts(grown)))
    assert not any("look at them first" in text for text in sentences(texts(CHILD)))


def test_that_what_is_wrong_with_the_labels_is_said_before_all_other_warnings() -> None:
    mirrored = Volume(np.asfortranarray(LABELS.voxels[::-1]), LABELS.affine)
    found = [text for text in texts(replace(CHILD, labels=mirrored)) if text.startswith("• ")]
    assert found[0].startswith("• Labels: left and right look swapped")


def test_that_all_six_directions_the_window_and_a_scale_are_on_the_images() -> None:
    found = texts(CHILD)
    assert [found.count(letter) for letter in "RLAPSI"] == [2, 2, 2, 2, 2, 2]
    assert found.count("W 80 L 40") == 3 and found.count("50 mm") == 3


def test_that_what_there_is_no_room_for_is_counted() -> None:
    found = texts(LONG)
    assert any(text.startswith("… and ") and text.endswith("more in the program.") for text in found)
    assert any(text.startswith("… and ") and "more lines" in text for text in found)


def test_that_the_file_is_one_a4_page_with_fonts_embedded_and_the_same_each_time(tmp_path: Path) -> None:
    content = child_report(CHILD, tmp_path / "new" / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF") and content.count(b"/Type /Page ") == 1
    assert b"/MediaBox [ 0 0 595.2755905512 841.8897637795 ]" in content
    assert b"/FontFile2" in content and b"/Type3" not in content
    assert b"CreationDate" not in content
    assert child_report(CHILD, tmp_path / "b.pdf").read_bytes() == content
    assert sorted(path.name for path in tmp_path.rglob("*.pdf")) == ["a.pdf", "b.pdf"]


def test_that_labels_on_another_grid_are_refused(tmp_path: Path) -> None:
    moved = Volume(LABELS.voxels, LABELS.affine + np.eye(4, k=3) * 5)
    with pytest.raises(VolumeError, match="another grid"):
        child_report(replace(CHILD, labels=moved), tmp_path / "a.pdf")


def test_that_an_unmeasured_region_is_refused_by_name(tmp_path: Path) -> None:
    volumes = {name: value for name, value in VOLUMES.items() if name != "brainstem"}
    with pytest.raises(WorkbenchError, match="brainstem"):
        child_report(page(scan(volumes)), tmp_path / "a.pdf")


def test_that_an_empty_label_map_still_gives_a_page(tmp_path: Path) -> None:
    nothing = Volume(np.zeros_like(LABELS.voxels), LABELS.affine)
    report = replace(page(scan(dict.fromkeys(NORM.regions, 0.0))), labels=nothing)
    assert child_report(report, tmp_path / "a.pdf").exists()


def test_that_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file"):
        child_report(CHILD, tmp_path / "file" / "a.pdf")


def test_that_centiles_have_no_more_digits_than_they_mean() -> None:
    assert [centile_text(c) for c in (None, 0.01, 0.5, 2.28, 50, 99.5, 99.99)] == [
        "—", "<0.1", "0.5", "2", "50", "99.5", ">99.9",
    ]  # fmt: skip


def test_that_wrapping_keeps_every_character() -> None:
    text = f"scan {UID} of a child with a rather long description"
    lines = wrap(text, 30, 7)
    assert len(lines) > 3
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrap("", 30, 7) == [""]
