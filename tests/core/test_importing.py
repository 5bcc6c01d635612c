"""Importing: what comes in, from where, for whom; what is refused and what merely passed over."""

import itertools
import shutil
import tarfile
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray

from ctworkbench.core.cohort_table import CohortRow
from ctworkbench.core.errors import ImportRefused, JobCancelled
from ctworkbench.core.importing import ImportedScan, ImportParams, ImportResult, import_scans
from ctworkbench.core.jobs import JobContext, read_events
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from tests.core.dicom_series import CORONAL, head, tilted, write_series

SPACING = (4.0, 5.0, 6.0)
SHAPE = (38, 34, 28)


@pytest.fixture
def context(tmp_path: Path) -> JobContext:
    folder = tmp_path / "job"
    folder.mkdir()
    return JobContext(folder)


def run(context: JobContext, *paths: Path, cohort: dict[str, CohortRow] | Path | None = None) -> ImportResult:
    return import_scans(ImportParams(paths=paths, cohort=cohort), context)


def only(result: ImportResult) -> ImportedScan:
    assert result.refused == ()
    (scan,) = result.accepted
    return scan


def made_head(axcodes: str = "RAS", turned: float = 0.0) -> Volume:
    """The made-up head as a NIfTI volume whose array axes run as told, turned about the left-right axis by degrees."""
    angle = np.radians(turned)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = rotation * SPACING
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    change = ornt_transform(axcodes2ornt(tuple("RAS")), axcodes2ornt(tuple(axcodes)))
    shape = tuple(np.array(SHAPE)[np.argsort(change[:, 0])].tolist())
    affine = affine @ inv_ornt_aff(change, SHAPE)
    return Volume(values_at(affine, shape), affine)


def values_at(affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.int16]:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return np.rint(head((index @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1])).astype(np.int16)


ALL_AXCODES = [
    "".join(codes)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((0, 1), repeat=3)
    for codes in [[("LR", "PA", "IS")[axis][sign] for axis, sign in zip(order, signs, strict=True)]]
]


@pytest.mark.parametrize("axcodes", ALL_AXCODES)
def test_that_a_nifti_in_any_of_48_orientations_keeps_its_values_at_world_points(
    tmp_path: Path, context: JobContext, axcodes: str
) -> None:
    write_nifti(made_head(axcodes), tmp_path / "P001_image.nii.gz")
    scan = only(run(context, tmp_path / "P001_image.nii.gz"))
    image = read_nifti(scan.image)
    assert scan.orientation == axcodes
    assert image.grid.axcodes == "RAS"
    np.testing.assert_array_equal(image.voxels, values_at(image.affine, image.voxels.shape))
    np.testing.assert_allclose(image.affine, made_head().affine, atol=1e-4)


def test_that_an_oblique_nifti_keeps_its_values_at_world_points(tmp_path: Path, context: JobContext) -> None:
    write_nifti(made_head("LPS", turned=17), tmp_path / "P001.nii")
    image = read_nifti(only(run(context, tmp_path / "P001.nii")).image)
    assert np.abs(image.voxels - values_at(image.affine, image.voxels.shape)).max() <= 1


def test_that_a_sheared_nifti_is_straightened_in_its_planes(tmp_path: Path, context: JobContext) -> None:
    shape = (95, 95, 28)
    affine = np.array([[1.6, 0, 0, -75], [0, 1.6, 1.5, -95], [0, 0, 5, -67], [0, 0, 0, 1.0]])
    write_nifti(Volume(values_at(affine, shape), affine), tmp_path / "P001.nii.gz")
    scan = only(run(context, tmp_path / "P001.nii.gz"))
    assert any("sheared" in text for text in scan.corrections)
    image = read_nifti(scan.image)
    expected = values_at(image.affine, image.voxels.shape).astype(float)
    smooth = (np.abs(np.stack(np.gradient(expected))).max(0) < 5) & (image.voxels > -900)
    assert smooth.sum() > 5000
    assert np.abs(image.voxels - expected)[smooth].max() < 6


def test_that_a_nifti_scan_is_known_by_its_name_and_its_content(tmp_path: Path, context: JobContext) -> None:
    write_nifti(made_head(), tmp_path / "P001_image.nii.gz")
    write_nifti(made_head(), tmp_path / "P002.nii")
    first, second = run(context, tmp_path / "P001_image.nii.gz", tmp_path / "P002.nii").accepted
    assert (first.subject, second.subject) == ("P001", "P002")
    assert first.series_uid == second.series_uid  # one content, whether compressed or not
    assert first.series_uid.startswith("2.25.") and len(first.series_uid) <= 64
    assert first.image != second.image
    assert first.source == "P001_image.nii.gz"


def test_that_a_dicom_series_becomes_one_scan_with_all_that_its_header_tells(
    tmp_path: Path, context: JobContext
) -> None:
    write_series(tmp_path / "Doe Jane" / "axial")
    scan = only(run(context, tmp_path))
    assert (scan.subject, scan.sex, scan.age_years) == ("P007", "F", 2.0)
    assert scan.scanner == "SIEMENS SOMATOM Force"
    assert scan.orientation == "LPS"
    assert scan.source == "axial (series 3)"
    assert "Doe" not in scan.model_dump_json()
    image = read_nifti(scan.image)
    assert image.grid.axcodes == "RAS" and image.voxels.dtype == np.int16
    assert scan.image.parent == context.folder
    np.testing.assert_array_equal(image.voxels, values_at(image.affine, image.voxels.shape))


@pytest.mark.parametrize("orientation", [CORONAL, tilted(14)])
def test_that_other_acquisition_planes_come_out_at_their_own_world_points(
    tmp_path: Path, context: JobContext, orientation: tuple[float, ...]
) -> None:
    write_series(tmp_path / "s", orientation=orientation)
    image = read_nifti(only(run(context, tmp_path / "s")).image)
    assert image.grid.axcodes == "RAS"
    assert np.abs(image.voxels - values_at(image.affine, image.voxels.shape)).max() <= 1


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "010D"}, 10 / 365.25),
        ({"PatientAge": "006W"}, 42 / 365.25),
        ({"PatientAge": "", "PatientBirthDate": "20200504"}, 1.0),
        ({"PatientAge": "001Y", "PatientBirthDate": "20191104"}, 1.5),
        ({"PatientAge": "002Y", "PatientBirthDate": "19000101"}, 2.0),
        ({"PatientAge": ""}, None),
        ({"PatientAge": "02", "StudyDate": ""}, None),
    ],
)
def test_that_age_comes_from_the_header_in_years(
    tmp_path: Path, context: JobContext, tags: dict[str, object], age: float | None
) -> None:
    write_series(tmp_path / "s", tags=tags)
    scan = only(run(context, tmp_path / "s"))
    assert scan.age_years == (None if age is None else pytest.approx(age, abs=0.005))
    assert any("age unknown" in warning for warning in scan.warnings) is (age is None)


def test_that_the_cohort_table_tells_sex_and_age_and_a_stranger_is_refused(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "scans" / "a")
    write_series(tmp_path / "scans" / "b", tags={"PatientID": "P008"})
    table = tmp_path / "cohort.csv"
    table.write_text("subject,sex,age_years,site\nP007,M,3.5,Lyon\nP009,F,1,Lyon\n")
    result = run(context, tmp_path / "scans", cohort=table)
    (scan,) = result.accepted
    assert (scan.sex, scan.age_years, scan.site) == ("M", 3.5, "Lyon")
    (refused,) = result.refused
    assert "P008 is not in the cohort table" in refused.reason and "row for P008" in refused.remedy
    assert any("P009" in note.reason for note in result.skipped)


def test_that_the_day_of_a_scan_comes_from_the_cohort_table_alone(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "scans")
    table = tmp_path / "cohort.csv"
    table.write_text("subject,sex,age_years,study_date\nP007,M,3.5,2019-12-31\n")
    assert only(run(context, tmp_path / "scans", cohort=table)).protocol["study_date"] == "2019-12-31"
    assert "study_date" not in only(run(context, tmp_path / "scans")).protocol


def test_that_a_phantom_is_known_as_one_without_its_cohort_table(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "p", tags={"DeidentificationMethod": "Digital phantom: no patient"})
    write_series(tmp_path / "c", tags={"DeidentificationMethod": "Basic profile"})
    assert only(run(context, tmp_path / "p")).protocol["phantom"] == "digital phantom, no patient"
    assert "phantom" not in only(run(context, tmp_path / "c")).protocol


def test_that_the_cohort_table_can_name_series_and_files(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "in" / "a", tags={"SeriesInstanceUID": "1.2.3"})
    write_nifti(made_head(), tmp_path / "in" / "xyz.nii.gz")
    rows = {
        "S1": CohortRow(subject="S1", sex="F", age_years=1, series_uid="1.2.3"),
        "S2": CohortRow(subject="S2", sex="M", age_years=2, file="xyz.nii.gz"),
    }
    result = run(context, tmp_path / "in", cohort=rows)
    assert [(scan.subject, scan.age_years) for scan in result.accepted] == [("S1", 1), ("S2", 2)]


def test_that_a_faulty_cohort_table_stops_the_import(tmp_path: Path, context: JobContext) -> None:
    (tmp_path / "cohort.csv").write_text("subject,sex,age_years\nP007,F,two years\n")
    with pytest.raises(ImportRefused, match="row 2, column age_years"):
        run(context, tmp_path, cohort=tmp_path / "cohort.csv")


def test_that_a_folder_of_phantoms_is_imported_without_their_truth(tmp_path: Path, context: JobContext) -> None:
    folder = tmp_path / "phantoms"
    for code in ("C01", "C02"):
        write_series(folder / code, tags={"PatientID": code})
        labels = (made_head().voxels > 0).astype(np.uint8)
        write_nifti(Volume(labels, made_head().affine), folder / f"{code}_truth.nii.gz")
    (folder / "cohort.csv").write_text("subject,sex,age_years,truth_cm3\nC01,F,1.9,3\nC02,M,2.1,3\n")
    result = run(context, folder, cohort=folder / "cohort.csv")
    assert [scan.subject for scan in result.accepted] == ["C01", "C02"]
    assert result.refused == ()
    assert [note.source for note in result.skipped] == ["C01_truth.nii.gz", "C02_truth.nii.gz"]
    assert all("label map" in note.reason for note in result.skipped)


def test_that_scouts_and_bone_kernels_are_passed_over_beside_a_good_series_and_refused_alone(
    tmp_path: Path, context: JobContext
) -> None:
    study = {"StudyInstanceUID": "1.2.3.4"}
    write_series(tmp_path / "in" / "soft", tags=study)
    write_series(tmp_path / "in" / "bone", tags={**study, "ConvolutionKernel": "Hr64f"})
    write_series(
        tmp_path / "in" / "scout", places=[0.0], tags={**study, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    )
    result = run(context, tmp_path / "in")
    assert len(result.accepted) == 1 and result.refused == ()
    assert sorted(note.source for note in result.skipped) == ["bone (series 3)", "scout (series 3)"]
    for alone, word in (("bone", "bone kernel"), ("scout", "localizer")):
        result = run(context, tmp_path / "in" / alone)
        assert result.accepted == () and result.skipped == ()
        assert word in result.refused[0].reason and result.refused[0].remedy


def test_that_each_faulty_series_is_one_refusal_beside_the_good_one(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "in" / "good")
    files = write_series(tmp_path / "in" / "cut")
    for file in files[3:6]:
        file.write_bytes(file.read_bytes()[:2000])
    write_series(tmp_path / "in" / "hole", drop=(9, 10))
    result = run(context, tmp_path / "in")
    assert len(result.accepted) == 1
    assert sorted(refused.source for refused in result.refused) == ["cut (series 3)", "hole (series 3)"]
    assert all(refused.source in refused.reason and refused.remedy for refused in result.refused)


def nifti(path: Path, voxels: NDArray[np.generic], affine: NDArray[np.float64] | None = None) -> Path:
    write_nifti(Volume(voxels, made_head().affine if affine is None else affine), path)
    return path


def test_that_niftis_that_are_no_head_ct_in_hu_are_refused_by_their_reason(tmp_path: Path, context: JobContext) -> None:
    image = made_head().voxels
    folder = tmp_path / "in"
    folder.mkdir()
    nifti(folder / "a_offset.nii.gz", (image + 1024).astype(np.int16))
    noisy = np.random.default_rng(0).normal(35, 5, image.shape)
    nifti(folder / "b_stripped.nii.gz", np.where((image > 0) & (image < 100), noisy, 0).astype(np.int16))
    nifti(folder / "c_lobes10.nii.gz", (image > 0).astype(np.uint8))
    nifti(folder / "d_small.nii.gz", image[:15])
    nifti(folder / "e_thick.nii.gz", image, made_head().affine @ np.diag([1, 1, 1.5, 1]))
    nib.save(nib.Nifti1Image(np.stack([image, image], -1), made_head().affine), folder / "f_series.nii.gz")
    nib.save(nib.Nifti1Image(image, None), folder / "g_lost.nii.gz")
    (folder / "h_cut.nii.gz").write_bytes((folder / "d_small.nii.gz").read_bytes()[:500])
    nifti(folder / "i_nobone.nii.gz", np.minimum(image, 100).astype(np.int16))
    result = run(context, folder)
    assert result.accepted == () and result.skipped == ()
    reasons = {refused.source[0]: refused.reason for refused in result.refused}
    expected = {
        "a": "1024 is perhaps still to be subtracted",
        "b": "not HU of a whole head",
        "c": "label map",
        "d": "not a head volume",
        "e": "9.0 mm apart",
        "f": "one 3D image is needed",
        "g": "no spatial transform",
        "h": "cannot be read",
        "i": "no bone",
    }
    assert reasons.keys() == expected.keys()
    for key, part in expected.items():
        assert part in reasons[key] and f"{key}_" in reasons[key]
    assert all(refused.remedy for refused in result.refused)


def test_that_a_label_map_given_by_name_is_refused(tmp_path: Path, context: JobContext) -> None:
    path = nifti(tmp_path / "P001_truth.nii.gz", (made_head().voxels > 0).astype(np.uint8))
    (refused,) = run(context, path).refused
    assert "label map" in refused.reason


def test_that_padding_in_a_nifti_is_lifted_to_air_and_recorded(tmp_path: Path, context: JobContext) -> None:
    image = made_head().voxels.copy()
    image[0] = -3024
    scan = only(run(context, nifti(tmp_path / "P.nii.gz", image)))
    assert read_nifti(scan.image).voxels.min() == -1024
    assert "set to -1024" in str(scan.protocol["padding"])


def test_that_nothing_to_import_is_told_for_each_path(tmp_path: Path, context: JobContext) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "readme.txt").write_text("no images")
    (tmp_path / "notes").write_text("no image")
    (tmp_path / "broken.zip").write_bytes(b"PK no zip")
    names = ("empty", "texts", "notes", "none", "broken.zip")
    result = run(context, *(tmp_path / name for name in names))
    assert sorted(refused.source for refused in result.refused) == sorted(names)
    assert all(refused.remedy and refused.source in refused.reason for refused in result.refused)


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_that_an_archive_is_imported_and_its_unpacked_files_are_removed(
    tmp_path: Path, context: JobContext, kind: str
) -> None:
    files = write_series(tmp_path / "s")
    archive = tmp_path / f"scan.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as content:
            for file in files:
                content.write(file, f"s/{file.name}")
    else:
        with tarfile.open(archive, "w:xz") as content:
            content.add(tmp_path / "s", "s")
    assert only(run(context, archive)).subject == "P007"
    assert not (context.folder / "unpacked").exists()


def test_that_files_without_extension_or_preamble_are_found_and_texts_among_them_ignored(
    tmp_path: Path, context: JobContext
) -> None:
    for index, file in enumerate(write_series(tmp_path / "s")):
        file.rename(file.with_name(f"IM{index}"))
    (tmp_path / "s" / "README").write_text("exported by a viewer")
    (tmp_path / "s" / "._IM1").write_bytes(b"\0" * 300)
    assert only(run(context, tmp_path / "s")).subject == "P007"


def test_that_a_file_reached_by_two_paths_is_read_once(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "in" / "s")
    assert only(run(context, tmp_path / "in", tmp_path / "in" / "s")).subject == "P007"


def test_that_all_good_series_of_a_subject_are_taken(tmp_path: Path, context: JobContext) -> None:
    study = {"StudyInstanceUID": "1.2.3.4"}
    write_series(tmp_path / "in" / "thin", tags=study)
    write_series(tmp_path / "in" / "thick", places=np.arange(-65, 66, 5.0).tolist(), tags=study)
    result = run(context, tmp_path / "in")
    assert len({scan.series_uid for scan in result.accepted}) == 2
    assert {scan.subject for scan in result.accepted} == {"P007"}


def test_that_an_import_tells_its_progress_and_can_be_cancelled(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "s")
    run(context, tmp_path / "s")
    fractions = [event.fraction for event in read_events(context.folder / "events.jsonl")]
    assert len(fractions) > 5
    assert fractions == sorted(fractions, key=lambda fraction: fraction or 0) and fractions[-1] == 1.0
    (context.folder / "CANCEL").touch()
    with pytest.raises(JobCancelled):
        run(context, tmp_path / "s")


def test_that_a_result_survives_json(tmp_path: Path, context: JobContext) -> None:
    write_series(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "t")
    result = run(context, tmp_path / "s", tmp_path / "none")
    assert ImportResult.model_validate_json(result.model_dump_json()) == result
    params = ImportParams(paths=(tmp_path,), cohort={"A": CohortRow(subject="A")})
    assert ImportParams.model_validate_json(params.model_dump_json()) == params
    params = ImportParams(paths=(tmp_path,), cohort=tmp_path / "cohort.csv")
    assert ImportParams.model_validate_json(params.model_dump_json()) == params


def test_that_a_name_in_the_table_that_fits_two_scans_serves_one_and_refuses_the_other(
    tmp_path: Path, context: JobContext
) -> None:
    for number, folder in enumerate(("one", "two")):
        (tmp_path / "files" / folder).mkdir(parents=True)
        scan = made_head(turned=float(number))
        write_nifti(scan, tmp_path / "files" / folder / "ct.nii.gz")
    cohort = {"A": CohortRow(subject="A", sex="M", age_years=1.5, file="ct.nii.gz")}
    result = run(context, tmp_path / "files", cohort=cohort)
    assert [scan.subject for scan in result.accepted] == ["A"]
    (refused,) = result.refused
    assert "fits another scan too" in refused.reason


@pytest.mark.parametrize("name", ["cut.tar.xz", "cut.tar.gz", "cut.zip"])
@pytest.mark.parametrize("how", ["cut off", "altered"])
def test_that_a_damaged_archive_is_refused_by_name(tmp_path: Path, context: JobContext, name: str, how: str) -> None:
    scan = tmp_path / "scan.bin"
    scan.write_bytes(np.random.default_rng(1).bytes(200_000))
    archive = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
            content.write(scan, "scan.bin")
    else:
        with tarfile.open(archive, "w:xz" if name.endswith("xz") else "w:gz") as content:
            content.add(scan, "scan.bin")
    whole = bytearray(archive.read_bytes())
    if how == "altered":
        whole[100_000:100_400] = bytes(400)
    archive.write_bytes(whole if how == "altered" else whole[:120_000])
    result = run(context, archive)
    assert result.accepted == ()
    (refused,) = result.refused
    assert name in refused.reason
    assert not (context.folder / "unpacked").exists()
