"""Measurement error: what repeats give, what is shipped, and what is not known and said so."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, Origin, Scan, Sex, Subject
from ctworkbench.core.norms import measurement_error as errors
from ctworkbench.core.norms.measurement_error import TOTAL, bias_and_sd, within_subject_sd
from ctworkbench.core.register import EFFORT, REGISTRATION, Preset, bundled_templates
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.settings import Settings
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.template_library import offered_key
from ctworkbench.core.workbench import Workbench

REGIONS = load_scheme().region_names
TEMPLATE = "t" * 64


def test_that_the_within_subject_sd_is_the_one_of_two_measurements_by_hand() -> None:
    # Bland & Altman: with pairs, Sw² is the mean of half the squared differences
    pairs = [(10.0, 12.0), (20.0, 19.0), (15.0, 15.0), (30.0, 33.0)]
    found = within_subject_sd(pairs)
    assert found is not None
    assert found.sw == pytest.approx(np.sqrt(np.mean([(a - b) ** 2 / 2 for a, b in pairs])))
    assert (found.children, found.scans) == (4, 8)
    assert found.low < found.sw < found.high


def test_that_repeats_of_a_known_scatter_return_it_and_its_interval_holds_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        children = rng.normal(200, 20, (12, 1)) + rng.normal(0, 2.0, (12, 3))
        found = within_subject_sd(children.tolist())
        assert found is not None
        held += found.low <= 2.0 <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_that_children_measured_once_tell_nothing() -> None:
    assert within_subject_sd([[5.0], [7.0], []]) is None
    assert bias_and_sd([1.0]) is None


def test_that_reach_and_smallest_change_follow_from_the_sd() -> None:
    error = errors.MeasurementError("frontal", "registration, quick", sw_cm3=2.0)
    assert error.reach_cm3 == pytest.approx(3.92)
    assert error.smallest_change_cm3 == pytest.approx(5.5437, abs=1e-3)
    nothing = errors.unknown("frontal", "expert", "nobody measured it")
    assert (nothing.known, nothing.reach_cm3, nothing.smallest_change_cm3) == (False, None, None)
    assert "not known: nobody measured it" in nothing.note


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.create(tmp_path / "study", Settings(author="reader")) as opened:
        yield opened


class Cohort:
    """Puts scans with known volumes straight into a study."""

    def __init__(self, workbench: Workbench) -> None:
        self._database = workbench._study.database
        self._made = 0

    def scan(
        self,
        code: str,
        age: float | None,
        volumes: dict[str, float],
        origin: Origin = Origin.REGISTRATION,
        image: str = "",
        day: str = "",
        preset: str = "quick",
        template: str = TEMPLATE,
        offered: str = "",
    ) -> int:
        """One scan with one measured label map; the label map's id."""
        self._made += 1
        number = self._made
        with self._database.writing() as session:
            subject = session.query(Subject).filter_by(code=code).one_or_none()
            if subject is None:
                subject = Subject(code=code, sex=Sex.FEMALE, role=None)
                session.add(subject)
                session.flush()
            scan = Scan(
                subject_id=subject.id,
                series_uid=f"1.{number}",
                age_years=age,
                site="",
                scanner="",
                source="",
                orientation="RAS",
                shape=[4, 4, 4],
                spacing=[1, 1, 1],
                protocol={"study_date": day} if day else {},
                corrections=[],
                warnings=[],
                image_key=image or f"image{number}",
                job_id="i",
            )
            session.add(scan)
            session.flush()
            scan_id = scan.id
        return self.version(scan_id, volumes, origin, None, preset, template, offered)

    def version(
        self,
        scan_id: int,
        volumes: dict[str, float],
        origin: Origin,
        parent: int | None,
        preset: str = "quick",
        template: str = TEMPLATE,
        offered: str = "",
        registration: int = REGISTRATION,
    ) -> int:
        """A further measured label map of a scan; its id."""
        with self._database.writing() as session:
            made = session.query(Annotation).filter_by(scan_id=scan_id).count()
            told: dict[str, object] = {}
            if origin is Origin.REGISTRATION:
                told = {"preset": preset, "registration": registration, "template_labels": template}
            if offered:
                told["templates_offered"] = offered
            row = Annotation(
                scan_id=scan_id,
                scheme="lobes10",
                version=made + 1,
                parent_id=parent,
                labels_key=f"labels{scan_id}.{made}",
                author="a",
                origin=origin,
                parameters=told,
                code_version="0",
            )
            session.add(row)
            session.flush()
            for region, value in volumes.items():
                session.add(
                    Measurement(
                        annotation_id=row.id,
                        region=region,
                        statistic="volume",
                        value=value,
                        unit="cm³",
                        code_version="0",
                        job_id="m",
                    )
                )
            return row.id


def volumes_of(shift: float = 0.0, **changed: float) -> dict[str, float]:
    return {region: 100.0 + 5 * number + shift for number, region in enumerate(REGIONS)} | changed


def twice(cohort: Cohort, children: int, gap: float = 0.05, **how: object) -> None:
    """Children scanned twice, 2 cm³ apart in every region, so that Sw is √2."""
    for number in range(children):
        cohort.scan(f"C{number}", 1.8, volumes_of(), **how)
        cohort.scan(f"C{number}", 1.8 + gap, volumes_of(2.0), **how)


def test_that_children_scanned_twice_give_the_studys_own_error(workbench: Workbench) -> None:
    twice(Cohort(workbench), 6)
    found = workbench.norms.measurement_error("right_frontal", "registration")
    assert found.sw_cm3 == pytest.approx(np.sqrt(2))
    assert (found.basis, found.children, found.scans) == ("study", 6, 12)
    assert "6 children of this study" in found.note
    assert workbench.norms.measurement_error("frontal", "registration").sw_cm3 == pytest.approx(0)
    assert workbench.norms.measurement_error(TOTAL, "registration").sw_cm3 == pytest.approx(10 * np.sqrt(2))


def test_that_too_few_children_do_not_speak(workbench: Workbench) -> None:
    twice(Cohort(workbench), 4)
    found = workbench.norms.measurement_error("right_frontal", "registration")
    assert not found.known
    assert "4 children of this study were scanned again" in found.note


def test_that_scans_too_far_apart_are_no_repeats_and_the_gap_can_be_stated(workbench: Workbench) -> None:
    twice(Cohort(workbench), 6, gap=0.2)
    assert not workbench.norms.measurement_error("right_frontal", "registration").known
    assert workbench.norms.measurement_errors("registration", max_gap_years=0.25)["right_frontal"].known


def test_that_dates_tell_the_gap_where_all_scans_have_one(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    for number in range(6):  # ages rounded to a year, scans three days apart
        cohort.scan(f"C{number}", 2.0, volumes_of(), day="2021-05-04")
        cohort.scan(f"C{number}", 1.0, volumes_of(2.0), day="2021-05-07")
    assert workbench.norms.measurement_error("right_frontal", "registration").known


def test_that_one_image_imported_twice_is_no_repeat(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    for number in range(6):
        for _ in range(2):
            cohort.scan(f"C{number}", 1.8, volumes_of(), image=f"same{number}")
    assert not workbench.norms.measurement_error("right_frontal", "registration").known


def test_that_a_scan_without_an_age_or_date_is_left_out(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    for number in range(6):
        cohort.scan(f"C{number}", 1.8, volumes_of())
        cohort.scan(f"C{number}", None, volumes_of(2.0))
    assert not workbench.norms.measurement_error("right_frontal", "registration").known


def test_that_a_region_missing_in_one_scan_leaves_that_child_out_for_that_region_alone(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    twice(cohort, 5)
    cohort.scan("C9", 1.8, volumes_of())
    cohort.scan("C9", 1.8, volumes_of(2.0, left_frontal=0.0))
    found = workbench.norms.measurement_errors("registration")
    assert found["right_frontal"].children == 6
    assert {found[name].children for name in ("left_frontal", "frontal", TOTAL)} == {5}


def test_that_label_maps_of_two_ways_are_not_mixed(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    twice(cohort, 6)
    cohort.scan("D", 1.8, volumes_of(), preset="fine")
    found = workbench.norms.measurement_error("right_frontal", "registration")
    assert not found.known
    assert "2 ways (registration, fine, registration, quick)" in found.note
    cohort.scan("E", 1.8, volumes_of(), template="u" * 64)
    told = workbench.norms.measurement_error("right_frontal", "registration").note
    assert "3 ways (registration, fine, registration, quick, with different templates)" in told


def test_that_label_maps_for_which_each_scan_chose_among_the_same_templates_are_of_one_way(
    workbench: Workbench,
) -> None:
    cohort = Cohort(workbench)
    for number in range(6):
        for chosen in "ab":
            cohort.scan(f"C{number}", 1.8, volumes_of(), preset="balanced", template=chosen * 64, offered="aaaa+bbbb")
    found = workbench.norms.measurement_error("right_frontal", "registration")
    assert found.known and found.children == 6
    cohort.scan("D", 1.8, volumes_of(), preset="balanced", template="a" * 64, offered="aaaa+cccc")
    assert "2 ways" in workbench.norms.measurement_error("right_frontal", "registration").note


def test_that_an_experts_error_is_not_known_before_children_were_read_twice(workbench: Workbench) -> None:
    Cohort(workbench).scan("C", 1.8, volumes_of(), Origin.EXPERT)
    found = workbench.norms.measurement_error("cerebellum", "expert")
    assert not found.known
    assert found.note.startswith("The measurement error is not known: nothing was shipped for labels of an expert")


def test_that_a_study_without_such_label_maps_says_so(workbench: Workbench) -> None:
    found = workbench.norms.measurement_error("cerebellum", "model")
    assert found.note == "The measurement error is not known: no label map is of model."


def test_that_expert_corrections_tell_how_far_the_machine_was_off(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    for number in range(6):
        machine = cohort.scan(f"C{number}", 1.8, volumes_of())
        cohort.version(number + 1, volumes_of(3.0 + number % 2), Origin.EXPERT, machine)
    found = workbench.norms.measurement_error("right_frontal", "registration")
    assert found.bias_cm3 == pytest.approx(-3.5)
    assert found.error_sd_cm3 == pytest.approx(np.std([3, 4] * 3, ddof=1))
    assert found.against == "expert corrections of 6 label maps"
    assert not found.known  # how far off is not how far apart


@pytest.mark.parametrize("preset", list(EFFORT))
def test_that_the_shipped_figures_are_those_of_the_bundled_templates_and_of_no_other(
    preset: Preset, tmp_path: Path
) -> None:
    store, cards = VoxelStore(tmp_path), [(card["method"], card["template_labels"]) for card in errors.shipped_cards()]
    keys = [store.put_file(one.labels) for one in bundled_templates(preset)]
    key = keys[0] if len(keys) == 1 else offered_key(keys)
    method = f"registration, {preset}"
    assert (method, key) in cards, "the templates changed: run scripts/measure_error.py again"
    found = errors.shipped(method, key)
    assert set(found) == {*REGIONS, "frontal", "parietal", "occipital", "temporal", TOTAL}
    for error in found.values():
        spread = [error.sw_low_cm3, error.sw_cm3, error.sw_high_cm3]
        assert None not in spread and spread == sorted(spread, key=lambda value: value or 0.0)
        assert error.children >= 8 and error.scans >= 2 * error.children
        assert error.note.endswith("in patients it is larger: a lower bound.")
    assert errors.shipped(method, TEMPLATE) == {}
    assert errors.shipped("registration, of another kind", key) == {}


def shipped_template(preset: str) -> str:
    """The label map of the templates that the shipped figures of a preset hold for."""
    return next(card["template_labels"] for card in errors.shipped_cards() if card["method"].endswith(preset))


def test_that_quick_label_maps_of_an_older_program_have_the_figures_of_the_registration_that_made_them(
    workbench: Workbench,
) -> None:
    cohort, template = Cohort(workbench), errors.shipped_cards()[-1]["template_labels"]
    scan = cohort.scan("C", 1.8, volumes_of(), template=template)
    cohort.version(1, volumes_of(), Origin.REGISTRATION, scan, "quick", template, registration=1)
    found = workbench.norms.measurement_error("cerebellum", "registration")
    assert (found.method, found.sw_cm3) == (
        "registration, syn",
        errors.shipped("registration, syn", template)["cerebellum"].sw_cm3,
    )


def test_that_a_study_labelled_with_the_bundled_template_uses_the_shipped_figures(workbench: Workbench) -> None:
    cohort = Cohort(workbench)
    cohort.scan("C", 1.8, volumes_of(), template=shipped_template("quick"))
    found = workbench.norms.measurement_error("cerebellum", "registration")
    assert found.basis == "phantoms" and found.known
    assert workbench.norms.measurement_error("cerebellum", "expert").note.endswith("no label map is of expert.")


def test_that_another_template_or_preset_has_no_shipped_figures_and_says_so(workbench: Workbench) -> None:
    Cohort(workbench).scan("C", 1.8, volumes_of())
    told = workbench.norms.measurement_error("cerebellum", "registration").note
    assert "the shipped figures are of another template" in told


def test_that_names_and_sources_that_do_not_exist_are_refused(workbench: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="no region or pair 'cortex'"):
        workbench.norms.measurement_error("cortex", "registration")
    with pytest.raises(WorkbenchError, match="no source 'atlas'"):
        workbench.norms.measurement_error("frontal", "atlas")
