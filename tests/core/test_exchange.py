"""Label maps to ITK-SNAP and 3D Slicer and back: voxel for voxel, left is left, and nothing taken that does not fit."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from ctworkbench.core.errors import ConflictError, VolumeError, WorkbenchError
from ctworkbench.core.exchange.incoming import fit_to_grid, read_label_file
from ctworkbench.core.exchange.itksnap import label_description
from ctworkbench.core.exchange.slicer import write_segmentation
from ctworkbench.core.model import Scan
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Grid, Volume, write_nifti
from ctworkbench.core.workbench import Origin, Workbench
from tests.test_bad_input import run
from tests.ui.study_with_heads import add_scan, head

SCHEME = load()
RIGHT_TEMPORAL, CEREBELLUM = 7, 9
LANDMARK = (17, 9, 4)
"""One voxel of the cerebellum: where it lies in the patient must be the same in every program."""


def turned(degrees: float, axis: int) -> np.ndarray:
    """A rotation about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    one, two = [number for number in range(3) if number != axis]
    matrix = np.eye(3)
    matrix[one, one] = matrix[two, two] = c
    matrix[one, two], matrix[two, one] = -s, s
    return matrix


def affine_of(kind: str) -> np.ndarray:
    """Affines as scanners and converters leave them: axial, oblique, stored right to left, anisotropic, sagittal."""
    affine = np.eye(4)
    spacing = np.diag([0.488, 0.488, 5.0]) if kind == "anisotropic" else np.diag([0.9, 1.1, 2.5])
    affine[:3, :3] = spacing
    affine[:3, 3] = [-12.3, -14.9, -40.2]
    if kind == "oblique":
        affine[:3, :3] = turned(17, 0) @ turned(-8, 2) @ turned(4, 1) @ spacing
    elif kind == "flipped":
        affine[:3, :3] = np.diag([-1, -1, 1]) @ spacing
        affine[:3, 3] = [12.3, 14.9, -40.2]
    elif kind == "sagittal":
        affine[:3, :3] = spacing[:, [1, 2, 0]]
    return affine


def label_map(affine: np.ndarray) -> Volume:
    """Blocks of all ten regions, rights to the right of lefts in the patient, and one landmark voxel."""
    shape = (26, 22, 14)
    grid = Grid(shape, affine)
    index = np.stack(np.meshgrid(*[np.arange(size) for size in shape], indexing="ij"), -1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    middle = world.reshape(-1, 3).mean(0)
    x, z = world[..., 0] - middle[0], world[..., 2] - middle[2]
    slab = np.clip(((z - z.min()) / np.ptp(z) * 8).astype(int) - 1, 0, 4)
    codes = np.where(x > 0, 2 * slab + 1, 2 * slab + 2)
    codes[codes > 8] = 10
    codes[((index < 2) | (index > np.array(shape) - 4)).any(-1)] = 0
    codes[LANDMARK] = CEREBELLUM
    assert set(np.unique(codes)) == {0, *SCHEME.codes}
    return Volume(np.asfortranarray(codes.astype(np.uint8)), grid.affine)


KINDS = ("axial", "oblique", "flipped", "anisotropic", "sagittal")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [".nii.gz", ".seg.nrrd"])
def test_that_a_round_trip_is_the_same_voxel_for_voxel(kind: str, ending: str, tmp_path: Path) -> None:
    labels = label_map(affine_of(kind))
    path = tmp_path / f"labels{ending}"
    if ending == ".nii.gz":
        write_nifti(labels, path)
    else:
        write_segmentation(labels, SCHEME, path)
    back = read_label_file(path, labels.grid, SCHEME)
    assert back.labels.voxels.dtype == np.uint8
    assert np.array_equal(back.labels.voxels, labels.voxels)
    assert np.array_equal(back.labels.affine, labels.affine)


@pytest.mark.parametrize("kind", KINDS)
def test_that_simpleitk_and_nibabel_find_the_landmark_at_one_place_of_the_patient(kind: str, tmp_path: Path) -> None:
    labels = label_map(affine_of(kind))
    write_segmentation(labels, SCHEME, tmp_path / "a.seg.nrrd")
    write_nifti(labels, tmp_path / "a.nii.gz")
    wanted = labels.affine @ np.array([*LANDMARK, 1.0])
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    there = np.argwhere(sitk.GetArrayFromImage(image) == CEREBELLUM)
    assert len(there) == 1
    lps = np.array(image.TransformIndexToPhysicalPoint([int(n) for n in there[0][::-1]]))
    assert lps * [-1, -1, 1] == pytest.approx(wanted[:3], abs=1e-4)
    nifti = nib.load(tmp_path / "a.nii.gz")
    (place,) = np.argwhere(np.asarray(nifti.dataobj) == CEREBELLUM)
    assert (nifti.affine @ [*place, 1.0])[:3] == pytest.approx(wanted[:3], abs=1e-4)


def test_that_the_header_says_what_slicer_asks_of_every_segment(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    write_segmentation(labels, SCHEME, tmp_path / "a.seg.nrrd")
    raw = (tmp_path / "a.seg.nrrd").read_bytes()
    head_text = raw.split(b"\n\n", 1)[0].decode()
    lines = dict(
        line.split(":=" if ":=" in line else ": ", 1)
        for line in head_text.splitlines()[1:]
        if ": " in line or ":=" in line
    )
    assert lines["space"] == "left-posterior-superior"
    assert (lines["encoding"], lines["type"], lines["kinds"]) == ("gzip", "unsigned char", "domain domain domain")
    assert lines["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"
    for number, region in enumerate(SCHEME.regions):
        told = {
            key: lines[f"Segment{number}_{key}"] for key in ("ID", "Name", "LabelValue", "Layer", "Color", "Extent")
        }
        assert (told["ID"], told["Name"]) == (region.name, region.title)
        assert (told["LabelValue"], told["Layer"]) == (str(region.code), "0")
        assert [round(float(part) * 255) for part in told["Color"].split()] == list(bytes.fromhex(region.color[1:]))
    # Slicer cuts the whole layer to the extent of its first segment
    whole = " ".join(f"0 {size - 1}" for size in labels.voxels.shape)
    assert {lines[f"Segment{number}_Extent"] for number in range(len(SCHEME.regions))} == {whole}


def test_that_the_names_file_has_a_row_that_itk_snap_reads_for_every_region() -> None:
    rows = [line for line in label_description(SCHEME).splitlines() if not line.startswith("#")]
    form = re.compile(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+([01])\s+([01])\s+"(.+)"$')
    found = [form.match(row).groups() for row in rows]
    assert found[0][0] == "0"
    for row, region in zip(found[1:], SCHEME.regions, strict=True):
        assert (int(row[0]), row[7]) == (region.code, region.title)
        assert tuple(map(int, row[1:4])) == tuple(bytes.fromhex(region.color[1:]))


def write_like_slicer(
    path: Path, layers: list[np.ndarray], affine: np.ndarray, segments: list[tuple[str, str, int, int]]
) -> None:
    """A `.seg.nrrd` written by hand as 3D Slicer lays it out: layers in a list axis that runs fastest.

    Args:
        layers: uint8 (x, y, z) each.
        affine: voxel index → RAS+ mm.
        segments: name, ID, layer and value of each.
    """
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    vectors = " ".join("(" + ",".join(repr(float(v)) for v in lps[:3, axis]) + ")" for axis in range(3))
    many = len(layers) > 1
    sizes = [*([len(layers)] if many else []), *layers[0].shape]
    lines = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {len(sizes)}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {'none ' if many else ''}{vectors}",
        f"kinds: {'list ' if many else ''}domain domain domain",
        "encoding: gzip",
        f"space origin: ({','.join(repr(float(v)) for v in lps[:3, 3])})",
    ]
    for number, (name, identifier, layer, value) in enumerate(segments):
        start = f"Segment{number}_"
        lines += [f"{start}ID:={identifier}", f"{start}Name:={name}"]
        lines += [f"{start}LabelValue:={value}", f"{start}Layer:={layer}"]
    voxels = np.stack(layers, 0) if many else layers[0]
    path.write_bytes(("\n".join(lines) + "\n\n").encode() + gzip.compress(voxels.tobytes(order="F")))


def all_segments(values: dict[int, int] | None = None) -> list[tuple[str, str, int, int]]:
    """Every region as a segment of layer 0; `values` says under which value it stands, if not its code."""
    return [(r.title, r.name, 0, (values or {}).get(r.code, r.code)) for r in SCHEME.regions]


def test_that_segments_are_known_by_name_whatever_their_order_and_values(tmp_path: Path) -> None:
    labels = label_map(affine_of("oblique"))
    values = {code: 30 - code for code in SCHEME.codes}
    table = np.zeros(256, np.uint8)
    for code, value in values.items():
        table[code] = value
    segments = all_segments(values)[::-1]
    segments[0] = ("brain stem", segments[0][1], *segments[0][2:])  # a name of the reader's own: the ID still tells
    segments[3] = ("LEFT-temporal  Lobe", "Segment_4", *segments[3][2:])
    assert segments[3][3] == values[7]
    segments[3] = ("RIGHT-temporal  Lobe", "Segment_4", *segments[3][2:])
    write_like_slicer(tmp_path / "a.seg.nrrd", [table[labels.voxels]], labels.affine, segments)
    back = read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)
    assert np.array_equal(back.labels.voxels, labels.voxels)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_that_layers_are_joined(count: int, tmp_path: Path) -> None:
    labels = label_map(affine_of("flipped"))
    layers = [np.where(labels.voxels % count == layer, labels.voxels, 0).astype(np.uint8) for layer in range(count)]
    segments = [(r.title, r.name, r.code % count, r.code) for r in SCHEME.regions]
    write_like_slicer(tmp_path / "a.seg.nrrd", layers, labels.affine, segments)
    back = read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)
    assert np.array_equal(back.labels.voxels, labels.voxels)


def test_that_segments_that_share_voxels_are_refused_with_both_names(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    over = np.zeros_like(labels.voxels)
    over[LANDMARK] = over[3, 3, 3] = 1
    segments = [*all_segments()[:9], ("Brainstem", "brainstem", 1, 1)]
    first = np.where(labels.voxels == 10, 0, labels.voxels).astype(np.uint8)
    write_like_slicer(tmp_path / "a.seg.nrrd", [first, over], labels.affine, segments)
    with pytest.raises(VolumeError, match=r"Cerebellum and Brainstem \(1 voxel\)"):
        read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)


def test_that_unknown_segments_are_refused_by_name_unless_they_are_empty(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    segments = [*all_segments(), ("Ventricles", "Segment_1", 0, 11), ("Edema", "Segment_2", 0, 12)]
    with_more = labels.voxels.copy()
    with_more[0, 0, 0] = 11
    write_like_slicer(tmp_path / "a.seg.nrrd", [with_more], labels.affine, segments)
    with pytest.raises(VolumeError, match="'Ventricles'") as error:
        read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)
    assert "Edema" not in str(error.value)
    write_like_slicer(tmp_path / "b.seg.nrrd", [labels.voxels], labels.affine, segments)
    assert np.array_equal(read_label_file(tmp_path / "b.seg.nrrd", labels.grid, SCHEME).labels.voxels, labels.voxels)


def test_that_two_segments_of_one_region_and_voxels_of_none_are_refused(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    twice = [*all_segments()[:9], ("cerebellum", "Segment_9", 0, 10)]
    write_like_slicer(tmp_path / "a.seg.nrrd", [labels.voxels], labels.affine, twice)
    with pytest.raises(VolumeError, match="two segments are Cerebellum"):
        read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)
    write_like_slicer(tmp_path / "b.seg.nrrd", [labels.voxels], labels.affine, all_segments()[:9])
    with pytest.raises(VolumeError, match="belong to no segment"):
        read_label_file(tmp_path / "b.seg.nrrd", labels.grid, SCHEME)


def test_that_a_cropped_segmentation_is_put_in_its_place(tmp_path: Path) -> None:
    labels = label_map(affine_of("oblique"))
    drawn = np.argwhere(labels.voxels)
    low, high = drawn.min(0), drawn.max(0) + 1
    part = labels.cropped([int(n) for n in low], [int(n) for n in high])
    assert part.voxels.shape != labels.voxels.shape
    write_like_slicer(tmp_path / "a.seg.nrrd", [part.voxels], part.affine, all_segments())
    back = read_label_file(tmp_path / "a.seg.nrrd", labels.grid, SCHEME)
    assert np.array_equal(back.labels.voxels, labels.voxels)


@pytest.mark.parametrize("axcodes", ["LPS", "RAS", "LAS", "PIR", "ASL", "SRA"])
@pytest.mark.parametrize("kind", ["axial", "oblique"])
def test_that_another_order_and_direction_of_the_same_grid_is_brought_back(kind: str, axcodes: str) -> None:
    labels = label_map(affine_of(kind))
    other = labels.oriented(axcodes)
    assert np.array_equal(fit_to_grid(other, labels.grid, "a").voxels, labels.voxels)


def test_that_a_margin_of_nothing_around_the_scan_is_cut_off_but_nothing_drawn_there_is() -> None:
    labels = label_map(affine_of("oblique"))
    wide = np.pad(labels.voxels, 2)
    affine = labels.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, 2.0)
    assert np.array_equal(fit_to_grid(Volume(wide, affine), labels.grid, "a").voxels, labels.voxels)
    wide[0, 3, 3] = wide[1, 3, 3] = 1
    with pytest.raises(VolumeError, match="2 voxels drawn outside the scan"):
        fit_to_grid(Volume(wide, affine), labels.grid, "a")


def moved(affine: np.ndarray, what: str) -> np.ndarray:
    """An affine that is wrong in one way."""
    wrong = affine.copy()
    if what == "shift":
        wrong[:3, 3] += [0.0, 3.2, 0.0]
    elif what == "spacing":
        wrong[:3, :3] *= 1.1
    else:
        wrong[:3, :3] = turned(3.0, 2) @ affine[:3, :3]
    return wrong


@pytest.mark.parametrize(
    ("what", "told"), [("shift", "lies 3.2 mm"), ("spacing", "of 0.990 × 1.210 × 2.750 mm"), ("turn", "turned by 3.0°")]
)
def test_that_another_grid_is_refused_with_numbers_and_remedy(what: str, told: str) -> None:
    labels = label_map(affine_of("axial"))
    other = Volume(labels.voxels, moved(labels.affine, what))
    with pytest.raises(VolumeError, match=re.escape(told)) as error:
        fit_to_grid(other, labels.grid, "drawn.nii.gz")
    assert "source geometry" in error.value.remedy
    assert "drawn.nii.gz" in error.value.message


def test_that_a_shift_of_whole_voxels_is_no_other_grid_but_puts_labels_elsewhere_unless_it_fits() -> None:
    labels = label_map(affine_of("axial"))
    shifted = labels.affine.copy()
    shifted[:3, 3] += labels.affine[:3, :3] @ np.array([0, 30.0, 0])
    with pytest.raises(VolumeError, match="outside the scan"):
        fit_to_grid(Volume(labels.voxels, shifted), labels.grid, "a")


def test_that_unknown_values_are_refused_with_their_number_of_voxels(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    voxels = labels.voxels.astype(np.int16)
    voxels[0, 0, :3] = 42
    voxels[1, 0, 0] = -1
    write_nifti(Volume(voxels, labels.affine), tmp_path / "a.nii.gz")
    with pytest.raises(VolumeError, match=r"-1 \(1 voxel\), 42 \(3 voxels\)"):
        read_label_file(tmp_path / "a.nii.gz", labels.grid, SCHEME)


def test_that_swapped_sides_an_empty_map_an_image_and_other_files_are_refused(tmp_path: Path) -> None:
    labels = label_map(affine_of("axial"))
    write_nifti(Volume(SCHEME.mirror_table[labels.voxels], labels.affine), tmp_path / "swapped.nii.gz")
    with pytest.raises(VolumeError, match="left and right swapped in the patient: frontal"):
        read_label_file(tmp_path / "swapped.nii.gz", labels.grid, SCHEME)
    write_nifti(Volume(np.zeros_like(labels.voxels), labels.affine), tmp_path / "empty.nii.gz")
    with pytest.raises(VolumeError, match="is empty"):
        read_label_file(tmp_path / "empty.nii.gz", labels.grid, SCHEME)
    image = np.random.default_rng(1).normal(0, 300, labels.voxels.shape).astype(np.int16)
    write_nifti(Volume(image, labels.affine), tmp_path / "image.nii.gz")
    with pytest.raises(VolumeError, match="is no label map"):
        read_label_file(tmp_path / "image.nii.gz", labels.grid, SCHEME)
    (tmp_path / "broken.seg.nrrd").write_bytes(b"NRRD0004\ntype: unsigned")
    with pytest.raises(VolumeError, match="cannot be read"):
        read_label_file(tmp_path / "broken.seg.nrrd", labels.grid, SCHEME)
    with pytest.raises(VolumeError, match="no label map that can be read"):
        read_label_file(tmp_path / "a.txt", labels.grid, SCHEME)
    with pytest.raises(VolumeError, match="There is no file"):
        read_label_file(tmp_path / "gone.nii.gz", labels.grid, SCHEME)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    monkeypatch.setenv("CTWORKBENCH_AUTHOR", "reader")
    with Workbench.create(tmp_path / "study", Settings(author="reader")) as workbench:
        image, labels = head()
        add_scan(workbench, "P001", image, labels)
        add_scan(workbench, "P002", image, None)
        with workbench._study.database.writing() as session:
            session.get(Scan, 1).orientation = "LPS"
        yield workbench


@pytest.mark.parametrize("form", ["nifti", "nrrd"])
def test_that_an_exported_label_map_comes_back_as_a_version_drawn_from_it(
    form: str, study: Workbench, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    written = run("labels", "export", study.folder, "--subject", "P001", "--format", form, "--out", out)
    assert written.code == 0, written.err
    files = sorted(path.name for path in out.iterdir())
    name = {"nifti": "P001_a1_labels.nii.gz", "nrrd": "P001_a1.seg.nrrd"}[form]
    assert files == sorted({"nifti": [name, "lobes10_itksnap.txt"], "nrrd": [name]}[form] + ["P001_image.nii.gz"])
    same = run("labels", "import", study.folder, "--subject", "P001", out / name)
    assert same.code == 1
    assert "nothing changed" in same.err
    draw(out / name, RIGHT_TEMPORAL)
    back = run("labels", "import", study.folder, "--subject", "P001", out / name)
    assert back.code == 0, back.err
    assert f"{name} is version 2, drawn from version 1" in back.out
    newest, oldest = study.review.annotations(1)
    assert (newest.origin, newest.author, newest.parent_id) == (Origin.EXPERT, "reader", oldest.id)
    assert newest.comment == f"from {name}"
    before, after = study.review.labels(oldest.id).voxels, study.review.labels(newest.id).voxels
    changed = np.argwhere(before != after)
    assert len(changed) == 1
    assert after[tuple(changed[0])] == 0
    again = run("labels", "import", study.folder, "--subject", "P001", out / name)
    assert again.code == 1
    assert "is the same as version 2: nothing changed" in again.err
    draw(out / name, RIGHT_TEMPORAL)
    late = run("labels", "import", study.folder, "--subject", "P001", out / name)
    assert late.code == 1
    assert "--parent" in late.err


def draw(path: Path, code: int) -> None:
    """Take one voxel of a region away, as another program would."""
    image = sitk.ReadImage(str(path))
    voxels = sitk.GetArrayFromImage(image)
    voxels[tuple(np.argwhere(voxels == code)[0])] = 0
    changed = sitk.GetImageFromArray(voxels)
    changed.CopyInformation(image)
    for key in image.GetMetaDataKeys():
        if key.startswith("Segment"):
            changed.SetMetaData(key, image.GetMetaData(key))
    sitk.WriteImage(changed, str(path), useCompression=True)


def test_that_a_scan_without_labels_leaves_with_empty_segments_and_comes_back_drawn_from_nothing(
    study: Workbench, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("labels", "export", study.folder, "--subject", "P002", "--format", "nrrd", "--out", out).code == 0
    path = out / "P002_new.seg.nrrd"
    empty = run("labels", "import", study.folder, "--subject", "P002", path)
    assert empty.code == 1
    assert "is empty" in empty.err
    image = sitk.ReadImage(str(path))
    image[10, 10, 10] = CEREBELLUM
    sitk.WriteImage(image, str(path))
    back = run("labels", "import", study.folder, "--subject", "P002", path)
    assert back.code == 0, back.err
    assert "not found, so its volume is 0" in back.err
    assert study.review.annotations(2)[0].parent_id is None


def test_that_a_file_written_for_another_subject_is_refused_although_its_grid_fits(
    study: Workbench, tmp_path: Path
) -> None:
    study.exchange.export(1, 1, tmp_path, "nrrd")
    draw(tmp_path / "P001_a1.seg.nrrd", RIGHT_TEMPORAL)
    wrong = run("labels", "import", study.folder, "--subject", "P002", tmp_path / "P001_a1.seg.nrrd", "--parent", "1")
    assert wrong.code == 1
    assert not study.review.annotations(2)
    with pytest.raises(WorkbenchError, match="was written for P001, not for P002"):
        study.exchange.take_back(2, tmp_path / "P001_a1.seg.nrrd", None)
    renamed = tmp_path / "mine.seg.nrrd"
    (tmp_path / "P001_a1.seg.nrrd").rename(renamed)
    with pytest.raises(WorkbenchError, match="was drawn from a label map of P001, not of P002"):
        study.exchange.take_back(2, renamed, None)


def test_that_a_file_of_an_earlier_program_is_kept_to_its_subject_and_put_upon_what_is_named_alone(
    study: Workbench, tmp_path: Path
) -> None:
    *_, path = study.exchange.export(1, 1, tmp_path, "nifti")
    draw(path, RIGHT_TEMPORAL)
    earlier = path.rename(tmp_path / "P001_v2_labels.nii.gz")
    with pytest.raises(WorkbenchError, match="was written for P001, not for P002"):
        study.exchange.take_back(2, earlier, None)
    with pytest.raises(WorkbenchError, match="does not tell which") as error:
        study.exchange.take_back(1, earlier, 1)
    assert "--parent" in error.value.remedy
    taken, _ = study.exchange.take_back(1, earlier, 1, upon=1)
    assert taken.parent_id == 1


def test_that_a_segmentation_tells_what_it_was_drawn_from_under_any_name(study: Workbench, tmp_path: Path) -> None:
    *_, path = study.exchange.export(1, 1, tmp_path, "nrrd")
    draw(path, RIGHT_TEMPORAL)
    renamed = path.rename(tmp_path / "P001_a1_corrected_a9.seg.nrrd")
    first, _ = study.exchange.take_back(1, renamed, None)
    assert first.parent_id == 1
    draw(renamed, RIGHT_TEMPORAL)
    with pytest.raises(ConflictError) as error:
        study.exchange.take_back(1, renamed, first.id)
    assert error.value.parent_id == 1
    second, _ = study.exchange.take_back(1, renamed, None, upon=first.id)
    assert second.parent_id == first.id


def test_that_a_name_of_another_study_is_no_ground_for_a_guess(study: Workbench, tmp_path: Path) -> None:
    *_, path = study.exchange.export(1, 1, tmp_path, "nifti")
    with pytest.raises(WorkbenchError, match="There is no label map 99 in this study") as error:
        study.exchange.take_back(1, path.rename(tmp_path / "P001_a99_labels.nii.gz"), 1)
    assert "--parent" in error.value.remedy


def test_that_wrong_subjects_and_versions_are_named(study: Workbench, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="no subject P009"):
        study.exchange.scan_of("P009")
    with pytest.raises(WorkbenchError, match="no version 7"):
        study.exchange.version_of(1, "7")
    with pytest.raises(WorkbenchError, match="no version a2"):
        study.exchange.version_of(1, "a2")
    assert study.exchange.version_of(1, "a1") == study.exchange.version_of(1, "1") == study.exchange.version_of(1)
    wrong = run("labels", "export", study.folder, "--subject", "P001", "--version", "v1", "--out", tmp_path)
    assert wrong.code == 2 and "neither a version, such as 2, nor a label map" in wrong.err
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        study.exchange.export(1, None, tmp_path / "file", "nifti")


def test_that_a_label_map_that_lost_most_of_its_volume_is_taken_with_a_note(study: Workbench) -> None:
    (parent,) = study.review.annotations(1)
    labels = study.review.labels(parent.id)
    voxels = labels.voxels.copy()
    there = np.argwhere(voxels)
    voxels[tuple(there[: int(0.7 * len(there))].T)] = 0
    path = study.folder.parent / "part.nii.gz"
    write_nifti(Volume(voxels, labels.affine), path)
    row, notes = study.exchange.take_back(1, path, parent.id)
    assert row.version == 2
    assert any(note.startswith("It holds 30 % of the labelled volume") for note in notes)
