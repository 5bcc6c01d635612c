"""Bad input at the command line: one clear line that names what, why and what to do, and nothing half-imported."""

import contextlib
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from ctworkbench.cli import main
from ctworkbench.core.errors import VolumeError
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.exporting import file_names
from tests.core.dicom_series import edit, write_series
from tests.core.heads import head, labels_of
from tests.core.test_importing import ALL_AXCODES, made_head


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        """Lines on stderr that tell a fault; the others tell progress."""
        return [line for line in self.err.splitlines() if line.startswith(("ctworkbench:", "refused:", "failed:"))]


def run(*words: object) -> Done:
    """One command in this process; the jobs that it starts are processes of their own."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:  # bad usage
            code = int(str(ended.code))
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one good scan, in a folder as people name them."""
    place = tmp_path_factory.mktemp("Ärzte und Köpfe")
    write_nifti(head(7), place / "GOOD_image.nii.gz")
    assert run("new", place / "study").code == 0
    assert run("import", place / "study", place / "GOOD_image.nii.gz").code == 0
    return place / "study"


def contents(study: Path) -> set[str]:
    """What the study holds: its images, and its counts but those of refusals and jobs."""
    counts = json.loads(run("status", study, "--json").out)
    kept = {f"{name}: {value}" for name, value in counts.items() if name not in ("refused", "jobs")}
    return kept | {path.name for path in (study / "voxels").rglob("*") if path.is_file()}


def folder_is_empty(place: Path) -> None:
    place.mkdir()


def localizer_only(place: Path) -> None:
    write_series(place, places=[0.0], tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})


def truncated(place: Path) -> None:
    file = write_series(place)[5]
    file.write_bytes(file.read_bytes()[:4000])


def slices_missing(place: Path) -> None:
    write_series(place, drop=(20, 21))


def slices_twice(place: Path) -> None:
    for file in write_series(place)[10:14]:
        copy = file.with_name(f"again {file.name}")
        copy.write_bytes(file.read_bytes())
        edit(copy, lambda dataset: setattr(dataset, "SOPInstanceUID", generate_uid()))


def two_series_mixed(place: Path) -> None:
    write_series(place, tags={"SeriesInstanceUID": "1.2.3"})
    for file in write_series(place / "other", spacing=(2, 2), shape=(80, 80), tags={"SeriesInstanceUID": "1.2.3"}):
        file.rename(place / f"other {file.name}")
    (place / "other").rmdir()


def rgb_secondary_capture(place: Path) -> None:
    def change(_: int, dataset: Dataset) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelData = bytes(3 * dataset.Rows * dataset.Columns)

    write_series(place, places=[0.0, 3.0], change=change)


def bone_kernel(place: Path) -> None:
    write_series(place, tags={"ConvolutionKernel": "BONEPLUS"})


def nifti_without_transform(place: Path) -> None:
    place.mkdir()
    nib.save(nib.Nifti1Image(head().voxels, None), place / "P001_image.nii.gz")


def label_maps_only(place: Path) -> None:
    place.mkdir()
    write_nifti(labels_of(head()), place / "P001_truth.nii.gz")


@pytest.mark.parametrize(
    ("make", "name", "reason", "remedy"),
    [
        (folder_is_empty, "scan", "is empty", "Give the folder"),
        (localizer_only, "scan (series 3)", "localizer", "volume series"),
        (truncated, "scan (series 3)", "005.dcm is damaged: it is truncated", "Export the series again"),
        (slices_missing, "scan (series 3)", "about 2 missing", "Export the series again with all its slices"),
        (slices_twice, "scan (series 3)", "8 slices lie at 4 positions", "without copies"),
        (two_series_mixed, "scan (series 3)", "it mixes images of 60×64 and 80×80 pixels", "Split it"),
        (rgb_secondary_capture, "scan (series 3)", "secondary capture", "original series"),
        (bone_kernel, "scan (series 3)", "bone kernel BONEPLUS", "soft-tissue"),
        (nifti_without_transform, "P001_image.nii.gz", "no spatial transform", "keeping the sform or qform"),
        (label_maps_only, "P001_truth.nii.gz", "label map", "CT image"),
    ],
)
def test_that_what_cannot_be_used_gets_one_clear_line_and_leaves_nothing(
    study: Path, tmp_path: Path, make: Callable[[Path], None], name: str, reason: str, remedy: str
) -> None:
    make(tmp_path / "scan")
    before = contents(study)
    done = run("import", study, tmp_path / "scan")
    assert done.code == 1
    assert done.out == ""
    (fault,) = done.faults
    assert fault.startswith("refused: ") and fault.endswith(".")
    assert fault.count(name) == 1, fault
    assert reason in fault and remedy in fault
    assert contents(study) == before
    assert run("verify", study).code == 0
    left = {path.name for path in (study / "jobs").glob("*/*") if path.is_file()}
    assert left <= {"job.json", "queue.json", "process.json", "events.jsonl", "log.txt", "result.json"}


@pytest.mark.parametrize(
    ("table", "name", "remedy"),
    [
        ("subject,sex,age_years\nP001,,2.0\n", "row 2, column sex: empty", "write M, F, or U for unknown"),
        ("subject,age_years\nP001,2.0\n", "lacks the column sex", "subject,sex,age_years"),
        ("subject,sex,age_years\nP001,M,two years\n", "row 2, column age_years: 'two years'", "write years"),
    ],
)
def test_that_a_faulty_cohort_table_gets_one_clear_line_before_any_job(
    study: Path, tmp_path: Path, table: str, name: str, remedy: str
) -> None:
    write_nifti(head(3), tmp_path / "P001_image.nii.gz")
    (tmp_path / "cohort.csv").write_text(table)
    before, jobs = contents(study), len(list((study / "jobs").glob("*/job.json")))
    done = run("import", study, tmp_path / "P001_image.nii.gz", "--cohort", tmp_path / "cohort.csv")
    assert done.code == 1 and done.out == ""
    assert len(done.err.splitlines()) == 1
    assert "cohort.csv" in done.err and name in done.err and remedy in done.err
    assert contents(study) == before
    assert len(list((study / "jobs").glob("*/job.json"))) == jobs


def test_that_subjects_are_named_by_file_by_patient_id_or_by_the_cohort_table(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    write_series(scans / "dicom", tags={"PatientID": "PAT-7"})
    write_nifti(head(1), scans / "A1_image.nii.gz")
    write_nifti(head(2), scans / "B2.nii.gz")
    write_nifti(head(3), scans / "_image.nii.gz")
    run("new", tmp_path / "study")
    assert run("import", tmp_path / "study", scans, scans, scans / "B2.nii.gz").code == 0
    rows = json.loads(run("review", tmp_path / "study", "--json").out)
    assert [row["subject"] for row in rows] == ["A1", "B2", "PAT-7", "_image"]
    (tmp_path / "cohort.csv").write_text("subject,sex,age_years,file\nC3,F,1.9,B2.nii.gz\n")
    run("new", tmp_path / "mapped")
    done = run("import", tmp_path / "mapped", scans / "B2.nii.gz", "--cohort", tmp_path / "cohort.csv")
    assert done.code == 0, done.err
    assert done.out.startswith("imported C3: B2.nii.gz")


def test_that_a_subject_cannot_lead_out_of_the_folder_of_an_export(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", tags={"PatientID": "../../P 1/é"})
    run("new", tmp_path / "study")
    assert run("import", tmp_path / "study", tmp_path / "scan").code == 0
    assert run("export", tmp_path / "study", "--out", tmp_path / "a" / "b").code == 0
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"__.._P 1_é_image.nii.gz", "volumes.csv"}


def test_that_no_exported_file_takes_the_place_of_another() -> None:
    names = file_names(["A", "A", "A-2", "A", "x/y", "x_y", "..", ""])
    assert len(set(names)) == len(names)
    assert names[0] == "A" and names[2] == "A-2"
    assert file_names(["P1", "P1", "P1"]) == ["P1", "P1-2", "P1-3"]


def test_that_a_flipped_bit_in_a_compressed_image_is_seen(tmp_path: Path) -> None:
    write_nifti(head(), tmp_path / "P1.nii.gz")
    whole = (tmp_path / "P1.nii.gz").read_bytes()
    rng = np.random.default_rng(5)
    for place in rng.integers(20, len(whole), 25):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "P1.nii.gz").write_bytes(damaged)
        with pytest.raises(VolumeError, match=r"P1\.nii\.gz cannot be read"):
            read_nifti(tmp_path / "P1.nii.gz")


def test_that_a_damaged_header_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    write_nifti(head(), tmp_path / "P1.nii")
    whole = (tmp_path / "P1.nii").read_bytes()
    for place, value in ((70, 200), (40, 250), (108, 0), (109, 0), (123, 5), (0, 9), (42, 0)):
        damaged = bytearray(whole)
        damaged[place] = value
        (tmp_path / "P1.nii").write_bytes(damaged)
        with contextlib.suppress(VolumeError):  # some of these are harmless; none may end in another error
            read_nifti(tmp_path / "P1.nii")
    for content in (b"", whole[:100], whole[:352], whole[:-1]):
        (tmp_path / "P1.nii").write_bytes(content)
        with pytest.raises(VolumeError, match=r"P1\.nii"):
            read_nifti(tmp_path / "P1.nii")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["new"],
        ["import", "study"],
        ["label", "study", "--preset", "best"],
        ["segment", "study", "--model", "one"],
        ["review", "study", "--subject", "P001"],
        ["review", "study", "--verdict", "accept"],
        ["review", "study", "--accept-all", "--subject", "P001", "--verdict", "accept"],
        ["stats", "study"],
        ["report", "study", "--subject", "P001"],
        ["export", "study"],
        ["phantom", "--out", "x", "--n", "0"],
        ["phantom", "--out", "x", "--seed", "one"],
    ],
)
def test_that_bad_usage_exits_with_2_and_prints_nothing_on_stdout(words: list[str]) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["preprocess", "{nowhere}"], "no study in"),
        (["new", "{study}"], "is a study already"),
        (["new", "{file}"], "is not empty"),
        (["new", "{nowhere}", "--database", "nope://me:secret@host/db"], "nope://me:***@host/db cannot be used"),
        (["import", "{study}", "{nowhere}"], "does not exist"),
        (["label", "{study}", "--subject", "NOBODY"], "no subject NOBODY"),
        (["review", "{study}", "--subject", "NOBODY", "--verdict", "accept"], "no subject NOBODY"),
        (["report", "{study}", "--subject", "NOBODY", "--out", "{nowhere}"], "no subject NOBODY"),
        (["segment", "{study}", "--model", "9"], "no model 9"),
        (["train", "{study}", "--network", "nope"], "no network 'nope'"),
        (["train", "{study}", "--preset", "nope"], "'nope' among the presets"),
        (["stats", "{study}", "--out", "{nowhere}"], "measure"),
        (["export", "{study}", "--out", "{file}"], "File exists"),
        (["phantom", "--out", "{file}"], "File exists"),
        (["phantom", "--out", "{nowhere}", "--tilt", "80"], "tilt degrees cannot be 80"),
        (["phantom", "--out", "{nowhere}", "--spacing", "0", "1", "1"], "spacing cannot be 0"),
        (["phantom", "--out", "{nowhere}", "--heads", "{file}"], "no folder of heads"),
    ],
)
def test_that_what_cannot_be_done_exits_with_1_and_one_line(
    study: Path, tmp_path: Path, words: list[str], part: str
) -> None:
    (tmp_path / "file").write_text("a letter")
    places = {"study": study, "nowhere": tmp_path / "nowhere", "file": tmp_path / "file"}
    done = run(*[word.format(**places) for word in words])
    assert (done.code, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith("ctworkbench: ") and part in line
    assert (tmp_path / "file").read_text() == "a letter"


def test_that_a_window_without_a_display_is_one_line(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    done = run("open", study)
    assert done.code == 1
    assert done.err.startswith("ctworkbench: There is no display")


def test_that_json_is_all_that_stands_on_stdout_and_relative_paths_work(study: Path) -> None:
    command = [sys.executable, "-m", "ctworkbench"]
    for words in (["status", "study", "--json"], ["measure", "study", "--json"], ["review", "study", "--json"]):
        done = subprocess.run([*command, *words], cwd=study.parent, capture_output=True, text=True, check=True)
        json.loads(done.stdout)


def orientations(place: Path) -> dict[str, Path]:
    """One asymmetric head, the same voxels in the patient, written with its axes in all 48 orders and directions."""
    files: dict[str, Path] = {}
    for number, axcodes in enumerate(ALL_AXCODES):
        files[axcodes] = place / f"O{number:02d}_image.nii.gz"
        write_nifti(made_head(axcodes), files[axcodes])
    return files


def test_that_48_orientations_go_in_are_labelled_and_come_out_as_they_were(tmp_path: Path) -> None:
    """Right and left are told by world coordinates from the import to the export, whatever the axes of the file."""
    (tmp_path / "in").mkdir()
    files = orientations(tmp_path / "in")
    with Workbench.create(tmp_path / "study", Settings(slots=1)) as workbench:
        assert workbench.wait(workbench.cohort.import_paths([tmp_path / "in"])) == []
        scans = workbench.cohort.scans()
        assert [row.subject for row in scans] == [f"O{number:02d}" for number in range(48)]
        first = workbench.cohort.image(scans[0].id)
        for row, axcodes in zip(scans, files, strict=True):
            assert row.orientation == axcodes
            image = workbench.cohort.image(row.id)
            assert image.grid.matches(first.grid)
            np.testing.assert_array_equal(image.voxels, first.voxels)  # the label job sees one and the same input
            workbench.review.save(row.id, None, sided(image))
        workbench.export(tmp_path / "out")
        assert workbench.verify() == []
    for number, (axcodes, file) in enumerate(files.items()):
        given, image = read_nifti(file), read_nifti(tmp_path / "out" / f"O{number:02d}_image.nii.gz")
        labels = read_nifti(tmp_path / "out" / f"O{number:02d}_labels.nii.gz")
        assert image.grid.axcodes == axcodes
        np.testing.assert_array_equal(image.voxels, given.voxels)
        np.testing.assert_array_equal(image.affine, given.affine)
        np.testing.assert_array_equal(labels.affine, given.affine)
        np.testing.assert_array_equal(labels.voxels, sided(given).voxels)
    with (tmp_path / "out" / "volumes.csv").open() as stream:
        assert next(csv.reader(stream)) == ["subject", "scan", "region", "volume_cm3", "source", "version"]


def sided(image: Volume) -> Volume:
    """A label map of an image: 1 where bone lies to the patient's right, 2 where to the left."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in image.voxels.shape], indexing="ij"), axis=-1)
    right = (index @ image.affine[:3, :3].T + image.affine[:3, 3])[..., 0] > 0
    codes = np.where(image.voxels > 300, np.where(right, 1, 2), 0)
    return Volume(np.asfortranarray(codes.astype(np.uint8)), image.affine)
