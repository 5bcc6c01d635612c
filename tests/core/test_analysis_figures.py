"""Figures 1 to 3 show what is there: layers counted in the weights, contours on one slice, lines by least squares."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ctworkbench.core.analysis.architecture import Network, architecture_figure, flow_figure, read_network
from ctworkbench.core.analysis.figures import age_figure, line_of, on_same_slice, save, subject_figure
from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.report.images import cuts
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import Volume


def cohort(n: int) -> list[Observation]:
    return [
        Observation(child.subject, child.sex, child.age_years, region, volume, "model")
        for child in simulate(published_norm(), n, 5)
        for region, volume in child.volumes_cm3.items()
    ]


def u_net(levels: tuple[int, ...], inputs: int = 1) -> dict[str, tuple[int, ...]]:
    """Shapes of a symmetric U as `train/networks/resunet.py` names them, with its norms."""
    found: dict[str, tuple[int, ...]] = {
        "embedding.weight": (levels[0], inputs, 3, 3, 3),
        "embedding.bias": (levels[0],),
    }
    before = levels[0]
    for i, width in enumerate(levels):
        parts = ["down", "up"] if i + 1 < len(levels) else ["down"]
        for part in parts:
            first = before if part == "down" else width
            found[f"{part}.{i}.first.weight"] = (width, first, 3, 3, 1)
            found[f"{part}.{i}.second.weight"] = found[f"{part}.{i}.third.weight"] = (width, width, 3, 3, 1)
            found |= {f"{part}.{i}.norms.{k}.{kind}": (width,) for k in range(3) for kind in ("weight", "bias")}
        if i + 1 < len(levels):
            found[f"fit.{i}.weight"], found[f"fit.{i}.bias"] = (width, levels[i + 1], 1, 1, 1), (width,)
        before = width
    return found | {"output.weight": (11, levels[0], 1, 1, 1), "output.bias": (11,)}


def texts(figure: object) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_that_the_architecture_is_read_from_the_weights_themselves(tmp_path: Path) -> None:
    shapes = u_net((4, 6, 8, 10, 12))
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, tmp_path / "w.safetensors")
    network = read_network(tmp_path / "w.safetensors", "model 1 (resunet, preset paper)", "ab" * 32)
    picture = architecture_figure(network)
    assert network.parameters == sum(int(np.prod(shape)) for shape in shapes.values())
    assert f"33 convolutions, {network.parameters:,} parameters" in picture.caption
    assert "27 of them stand in modules" in picture.caption  # as the article counts five levels
    shown = texts(picture.figure)
    assert [text for text in shown if text.endswith("channels")].count("4 channels") == 2
    assert shown.count("12 channels") == 1 and "3 conv 1×3×3, residual" in shown  # (slice, row, column)
    assert "1/16 resolution" in shown and "conv 1×1×1,\n11 classes" in shown


def test_that_four_input_channels_and_two_levels_are_drawn(tmp_path: Path) -> None:
    shown = texts(architecture_figure(Network("n", u_net((8, 16), inputs=4), "0" * 64)).figure)
    assert "image,\n4 channels,\nconv 3×3×3" in shown and shown.count("max pool 2") == 1


def test_that_another_network_is_drawn_by_its_parts_and_nothing_is_claimed_of_how_they_are_joined() -> None:
    tensors = {
        "stem.weight": (8, 1, 3, 3, 3),
        "blocks.0.a.weight": (16, 8, 3, 3, 3),
        "blocks.0.b.weight": (16, 16, 1, 1, 1),
    }
    picture = architecture_figure(Network("other", tensors, "0" * 64))
    assert "how they are joined, weights do not tell" in picture.caption
    assert {"stem: 1 → 8", "blocks.0: 8 → 16", "2 conv 3×3×3 / 1×1×1"} <= set(texts(picture.figure))


def test_that_weights_without_convolutions_and_damaged_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="no 3D convolution"):
        architecture_figure(Network("flat", {"head.weight": (11, 8)}, "0" * 64))
    (tmp_path / "w.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not json........")
    with pytest.raises(WorkbenchError, match=r"cannot be read: w\.safetensors"):
        read_network(tmp_path / "w.safetensors", "m", "0" * 64)


def test_that_the_flow_says_that_it_stands_in_for_the_network() -> None:
    picture = flow_figure("S", [("Imported", "3 scans", "1 refused"), ("Measured", "2 label maps", "")])
    assert "stands in for the network's architecture" in picture.caption
    assert {"Imported", "3 scans", "1 refused", "2 label maps"} <= set(texts(picture.figure))


def test_that_the_line_and_its_interval_are_those_of_statsmodels() -> None:
    import statsmodels.api as sm

    chance = np.random.default_rng(2)
    ages = chance.uniform(1.5, 2.5, 40)
    volumes = 180 + 20 * ages + chance.normal(0, 9, 40)
    line = line_of(ages, volumes)
    assert line is not None
    fit = sm.OLS(volumes, sm.add_constant(ages)).fit()
    expected = fit.get_prediction(sm.add_constant(line.ages)).summary_frame()
    assert line.volume == pytest.approx(expected["mean"].to_numpy(), rel=1e-10)
    assert line.low == pytest.approx(expected["mean_ci_lower"].to_numpy(), rel=1e-9)
    assert line.high == pytest.approx(expected["mean_ci_upper"].to_numpy(), rel=1e-9)
    assert line_of(ages[:2], volumes[:2]) is None and line_of(np.full(9, 2.0), volumes[:9]) is None


def test_that_figure_3_has_ten_panels_with_a_dot_for_each_child_and_sides_on_one_scale() -> None:
    rows = [*cohort(30), Observation("X1", None, 2.0, "brainstem", 15.0, "model")]
    picture = age_figure(rows)
    panels = {axes.get_title(): axes for axes in picture.figure.axes}
    assert len(panels) == 10 and list(panels)[:2] == ["Right frontal lobe", "Right parietal lobe"]
    boys = sum(row.sex == "M" for row in rows) // 10
    for axes in panels.values():
        assert [len(line.get_xdata()) for line in axes.lines[::2]] == [boys, 30 - boys]
    assert panels["Right frontal lobe"].get_ylim() == panels["Left frontal lobe"].get_ylim()
    assert f"{boys} boys and {30 - boys} girls" in picture.caption


def test_that_figure_3_of_one_sex_shows_that_sex_alone_and_without_ages_is_not_made() -> None:
    girls = [row for row in cohort(30) if row.sex == "F"]
    assert "boys" not in age_figure(girls).caption
    with pytest.raises(WorkbenchError, match="no volume has both sex and age"):
        age_figure([Observation("X1", None, 2.0, "brainstem", 15.0, "model")])


def test_that_pictures_are_vectors_and_the_same_each_time(tmp_path: Path) -> None:
    svg = save(age_figure(cohort(6)), tmp_path, ("svg",))[0].read_text(encoding="utf-8")
    assert "<image" not in svg and svg.count("<path") > 100
    steps = [("Imported", "3 scans", "")]
    first, again = (save(flow_figure("S", steps), tmp_path / folder) for folder in ("a", "b"))
    assert first[1].read_bytes().startswith(b"%PDF")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_that_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file"):
        save(flow_figure("S", [("Imported", "3 scans", "")]), tmp_path / "file", ("svg",))


def head() -> tuple[Volume, Volume]:
    """A block of brain with two regions, standing oblique to no axis but stored in LPS order."""
    labels = np.zeros((24, 28, 20), np.uint8)
    labels[4:12, 4:24, 4:16], labels[12:20, 4:24, 4:16] = 2, 1
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    return Volume(np.where(labels > 0, 35, -5).astype(np.int16), affine), Volume(labels, affine)


def test_that_the_models_contours_stand_on_the_very_slice_of_the_reference() -> None:
    image, labels = head()
    for cut in cuts(image, labels, load()):
        assert np.array_equal(on_same_slice(cut, labels).labels, cut.labels)
        moved = Volume(np.roll(labels.voxels, 3, axis=1), labels.affine)
        other = on_same_slice(cut, moved)
        assert other.number == cut.number and other.image is cut.image
    turned = labels.oriented("RAS")
    assert np.array_equal(
        on_same_slice(cuts(image, labels, load())[0], turned).labels, cuts(image, turned, load())[0].labels
    )


def test_that_figure_2_has_the_reference_above_and_the_model_below() -> None:
    image, labels = head()
    model = Volume(np.roll(labels.voxels, 2, axis=2), labels.affine)
    picture = subject_figure(image, labels, model, load(), ("accepted", "model"), "caption")
    letters = [text for text in texts(picture.figure) if re.fullmatch(r"\([a-f]\)", text)]
    assert letters == ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    above, below = picture.figure.texts
    assert (above.get_text(), below.get_text()) == ("accepted", "model")
    assert above.get_position()[1] > below.get_position()[1]


def test_that_label_maps_of_another_grid_are_refused() -> None:
    image, labels = head()
    small = Volume(labels.voxels[:-1], labels.affine)
    with pytest.raises(WorkbenchError, match="grid of the image"):
        subject_figure(image, labels, small, load(), ("a", "b"), "c")
