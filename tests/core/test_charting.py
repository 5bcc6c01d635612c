"""What a chart is told by the service layer: dots with what is known of them, bands, and who was learned from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, Origin, Scan, Subject
from ctworkbench.core.norms import published_norm
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.measuring import VOLUME
from tests.ui.seeded_study import ADULT, seed


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    opened = seed(tmp_path / "study")
    yield opened
    opened.close()


def label_again(workbench: Workbench, scan_id: int, origin: Origin, parent: int | None, model: int | None) -> int:
    """Give a scan a newer measured label map; its id."""
    study = workbench._study
    with study.database.writing() as session:
        old = session.query(Annotation).where(Annotation.scan_id == scan_id).order_by(Annotation.id.desc()).first()
        assert old is not None
        new = Annotation(
            scan_id=scan_id,
            scheme=old.scheme,
            version=old.version + 1,
            parent_id=parent,
            labels_key=old.labels_key,
            author="reader",
            origin=origin,
            model_id=model,
            parameters={},
            code_version="0",
            job_id=None,
        )
        session.add(new)
        session.flush()
        session.add(
            Measurement(
                annotation_id=new.id,
                region="brainstem",
                statistic=VOLUME,
                value=21.0,
                unit="cm³",
                code_version="0",
                job_id="m",
            )
        )
        return new.id


def test_that_a_dot_tells_its_site_scanner_role_verdict_and_warnings(workbench: Workbench) -> None:
    dots = {dot.scan_id: dot for dot in workbench.norms.chart("cerebellum").dots}
    assert (dots[8].site, dots[8].scanner, dots[8].role) == ("North", "GE Revolution CT", "validation")
    assert (dots[10].verdict, dots[8].verdict) == ("accept", "")
    assert (dots[8].warnings, dots[ADULT].warnings) == (0, 1)
    assert dots[8].version == 1


def test_that_the_centile_of_a_dot_is_that_of_the_norm(workbench: Workbench) -> None:
    norm = published_norm()
    for dot in workbench.norms.chart("cerebellum").dots:
        if dot.z is None:
            assert dot.centile is None
        else:
            assert dot.sex is not None
            assert dot.age_years is not None
            assert dot.centile == pytest.approx(norm.centile("cerebellum", dot.sex, dot.age_years, dot.value))


def test_that_centile_bands_lie_at_the_centiles_they_are_named_for(workbench: Workbench) -> None:
    norm = published_norm()
    band = workbench.norms.chart("left_temporal").bands[0]
    assert list(band.centiles) == [5, 25, 50, 75, 95]
    for percent, values in band.centiles.items():
        found = [norm.centile("left_temporal", band.sex, age, v) for age, v in zip(band.ages, values, strict=True)]
        assert found == pytest.approx([percent] * len(found), abs=1e-4)
    assert band.centiles[50] == pytest.approx(band.mean)


def test_that_centile_bands_of_the_asymmetry_lie_at_their_centiles_too(workbench: Workbench) -> None:
    norm = published_norm()
    band = workbench.norms.asymmetry("frontal").bands[1]
    left = 100.0
    z = norm.asymmetry_z("frontal", band.sex, 2.0, left + band.centiles[95][0], left)
    assert z == pytest.approx(1.6448536, abs=1e-6)


def test_that_several_charts_come_from_one_reading_and_equal_the_single_ones(workbench: Workbench) -> None:
    both = workbench.norms.charts(["right_frontal", "frontal"])
    assert both["right_frontal"] == workbench.norms.chart("right_frontal")
    assert both["frontal"] == workbench.norms.asymmetry("frontal")


def test_that_a_name_that_is_no_region_is_refused_by_name(workbench: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="no region or pair 'thalamus'"):
        workbench.norms.charts(["thalamus"])


def test_that_a_scan_of_another_scanner_or_of_thick_slices_gets_no_centile(workbench: Workbench) -> None:
    with workbench._study.database.writing() as session:
        session.get_one(Scan, 8).scanner = "Siemens SOMATOM Force"
        session.get_one(Scan, 9).protocol = {"slice_thickness_mm": 5.0}
    found = workbench.norms.charts(["cerebellum", "frontal"])
    for data in found.values():
        dots = {dot.scan_id: dot for dot in data.dots}
        assert (dots[8].z, dots[8].centile, dots[9].z) == (None, None, None)
        assert "the scanner Siemens SOMATOM Force is not the norm's" in data.outside[8]
        assert "slices of 5 mm are outside the norm's" in data.outside[9]
        assert dots[10].z is not None


def test_that_a_norm_of_boys_alone_has_no_band_of_girls_and_no_centile_for_them(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = published_norm()
    boys = replace(published, limits=replace(published.limits, n_female=0))
    monkeypatch.setattr("ctworkbench.core.workbench.norm_library.norm", lambda _: boys)
    data = workbench.norms.chart("cerebellum")
    assert [str(band.sex) for band in data.bands] == ["M"]
    girl = next(dot for dot in data.dots if dot.scan_id == 8)
    assert girl.z is None
    assert data.outside[8] == "the norm was made without girls"


def test_that_a_child_the_model_has_learned_from_is_known_by_it(workbench: Workbench) -> None:
    # scan 1 is of P001, which trained model 1; scan 2 of P002, its validation; scan 4 was never seen by it
    made = {scan: label_again(workbench, scan, Origin.MODEL, None, 1) for scan in (1, 2, 4)}
    label_again(workbench, 1, Origin.EXPERT, made[1], None)
    learned = {dot.scan_id: dot.learned for dot in workbench.norms.chart("brainstem", "model").dots}
    assert learned == {1: "train", 2: "validation", 4: ""}
    corrected = {dot.scan_id: dot.learned for dot in workbench.norms.chart("brainstem", "expert").dots}
    assert corrected[1] == "train"
    assert corrected[8] == ""


def test_that_several_scans_of_one_child_are_dots_of_one_subject(workbench: Workbench) -> None:
    study = workbench._study
    with study.database.writing() as session:
        subject = session.query(Subject).where(Subject.code == "P008").one()
        first = session.get_one(Scan, 8)
        later = Scan(
            subject_id=subject.id,
            series_uid="1.2.3",
            age_years=2.4,
            site=first.site,
            scanner=first.scanner,
            source=first.source,
            orientation="RAS",
            shape=first.shape,
            spacing=first.spacing,
            protocol={},
            corrections=[],
            warnings=[],
            image_key=first.image_key,
            job_id="import",
        )
        session.add(later)
        session.flush()
        key = session.query(Annotation).where(Annotation.scan_id == 8).one().labels_key
        drawn = Annotation(
            scan_id=later.id,
            scheme="lobes10",
            version=1,
            labels_key=key,
            author="reader",
            origin=Origin.EXPERT,
            parameters={},
            code_version="0",
        )
        session.add(drawn)
        session.flush()
        for region in published_norm().regions:
            session.add(
                Measurement(
                    annotation_id=drawn.id,
                    region=region,
                    statistic=VOLUME,
                    value=50.0,
                    unit="cm³",
                    code_version="0",
                    job_id="m",
                )
            )
    ages = [dot.age_years for dot in workbench.norms.chart("brainstem").dots if dot.subject == "P008"]
    assert len(ages) == 2
    assert np.all(np.isfinite(np.array(ages, float)))
