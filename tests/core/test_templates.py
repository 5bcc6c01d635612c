"""Templates that experts have drawn: made as registration needs them, chosen, named by what was labelled with them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model import Role, Subject, Verdict
from ctworkbench.core.register import LabelParams
from ctworkbench.core.schemes import load
from ctworkbench.core.template_library import children, read_template
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from ctworkbench.core.workbench import Workbench, label_facts
from ctworkbench.core.workbench.repeatability import Method, method_of
from ctworkbench.core.workbench.templates import BUNDLED_TEMPLATE, FUSED
from tests.core.heads import labels_of, study_with_heads
from tests.test_bad_input import run

SCHEME = load()


def drawn(workbench: Workbench, scan: int) -> Volume:
    """All ten regions of a plain head: right and left cut in four by place, a cerebellum and a brainstem below."""
    image = workbench.cohort.image(scan)
    sides = labels_of(image)
    shape = image.voxels.shape
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    y, z = (index @ image.affine[:3, :3].T + image.affine[:3, 3])[..., 1:].transpose(3, 0, 1, 2)
    pair = np.select([z < -25, y > 30, y < -40], [3, 0, 2], 1)
    codes = np.where(sides.voxels > 0, 2 * pair + sides.voxels, 0)
    codes[(sides.voxels > 0) & (z < -45)] = 9
    codes[(sides.voxels > 0) & (z < -45) & (y > 0)] = 10
    return Volume(np.asfortranarray(codes.astype(np.uint8)), image.affine)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Two preprocessed heads; the first has a drawn label map."""
    with study_with_heads(tmp_path_factory.mktemp("templates"), count=2) as workbench:
        assert workbench.wait(workbench.cohort.preprocess()) == []
        workbench.review.save(1, None, drawn(workbench, 1), author="Dr A")
        yield workbench


@pytest.mark.slow
def test_that_a_drawn_label_map_becomes_a_template_and_labels_another_scan(ready: Workbench) -> None:
    listed = run("template", "list", ready.folder)
    assert f"*      {BUNDLED_TEMPLATE}" in listed.out
    added = run("template", "add", ready.folder, "--subject", "S1", "--version", "1", "--name", "Own")
    assert added.code == 0, added.err
    listed = [(row.name, row.in_use) for row in ready.templates.templates()]
    assert (listed[0], listed[-1], len(listed)) == ((BUNDLED_TEMPLATE, True), ("Own", False), 10)
    assert run("template", "use", ready.folder, "Own").code == 0
    own = ready.templates.templates()[-1]
    assert (own.in_use, own.subject, own.version, own.author) == (True, "S1", 1, "Dr A")
    template = ready.templates.named()
    store = ready._study.store
    image, labels, mask = (
        read_nifti(store.path(key)) for key in (template.image_key, template.labels_key, template.mask_key)
    )
    assert image.grid.matches(labels.grid) and image.grid.matches(mask.grid)
    assert set(np.unique(labels.voxels)) == {0, *SCHEME.codes}
    assert 0 < mask.voxels.mean() < 0.5
    done = run("label", ready.folder)
    assert done.code == 0, done.err
    assert ready.review.annotations(1)[0].version == 1  # the scan that it was drawn on is left alone
    (found,) = ready.review.annotations(2)
    assert found.parameters["template"] == "Own"
    truth = drawn(ready, 2)
    overlap = dice(ready.review.labels(found.id).voxels, truth.voxels, SCHEME.codes)
    assert min(overlap.values()) > 0.8
    assert ready.verify() == []


def test_that_a_template_can_be_named_for_one_run(ready: Workbench) -> None:
    wrong = run("label", ready.folder, "--template", "nobody's")
    assert wrong.code == 1
    assert 'no template "nobody\'s"' in wrong.err
    jobs = ready.labelling.pseudo_label("quick", [1], again=True, template=BUNDLED_TEMPLATE)
    params = ready.jobs.job(jobs[0]).params
    for job in jobs:
        ready.jobs.cancel(job)
    ready.wait(jobs)
    assert ready.templates.named(BUNDLED_TEMPLATE).labels_key in str(params["templates"])


def test_that_names_are_not_given_twice_and_one_label_map_is_one_template(ready: Workbench) -> None:
    first = ready.review.annotations(1)[-1]
    if all(row.name != "Own" for row in ready.templates.templates()):
        ready.templates.add(first.id, "Own")
    with pytest.raises(WorkbenchError, match="a template 'Own' already"):
        ready.templates.add(first.id, "Own")
    with pytest.raises(WorkbenchError, match=r"is the template 'Own' already"):
        ready.templates.add(first.id, "Other")
    with pytest.raises(WorkbenchError, match="1 to 100 characters"):
        ready.templates.add(first.id, "  ")
    with pytest.raises(WorkbenchError, match="no template 'Gone'"):
        ready.templates.use("Gone")


def test_that_what_cannot_serve_as_a_template_is_refused(ready: Workbench) -> None:
    whole = drawn(ready, 2)

    def version(voxels: np.ndarray) -> int:
        newest = ready.review.annotations(2)
        parent = newest[0].id if newest else None
        return ready.review.save(2, parent, Volume(voxels, whole.affine)).id

    lacking = version(np.where(whole.voxels == 9, 0, whole.voxels).astype(np.uint8))
    with pytest.raises(WorkbenchError, match="lacks Cerebellum"):
        ready.templates.add(lacking, "A")
    with pytest.raises(WorkbenchError, match="Left and right are swapped"):
        ready.templates.add(version(SCHEME.mirror_table[whole.voxels]), "A")
    thin = whole.voxels.copy()
    thin[::2] = 0
    thin[:, ::2] = 0
    with pytest.raises(WorkbenchError, match="does not cover the brain"):
        ready.templates.add(version(thin), "A")
    good = version(whole.voxels)
    ready.review.judge(good, Verdict.REJECT)
    with pytest.raises(WorkbenchError, match="was rejected"):
        ready.templates.add(good, "A")
    with ready._study.database.writing() as session:
        session.query(Subject).filter_by(code="S2").one().role = Role.TEST
    with pytest.raises(WorkbenchError, match="of the test set"):
        ready.templates.add(good, "A")


def test_that_a_scan_without_a_brain_mask_is_no_template(tmp_path: Path) -> None:
    with study_with_heads(tmp_path) as workbench:
        row = workbench.review.save(1, None, drawn(workbench, 1))
        with pytest.raises(WorkbenchError, match="S1 is not preprocessed"):
            workbench.templates.add(row.id, "A")


def test_that_a_preset_that_chooses_is_offered_all_templates_but_those_of_the_child_itself(ready: Workbench) -> None:
    first = ready.review.annotations(1)[-1]
    if all(row.name != "Own" for row in ready.templates.templates()):
        ready.templates.add(first.id, "Own")
    jobs = ready.labelling.pseudo_label("fine", [1, 2], again=True)
    asked = [LabelParams.model_validate(ready.jobs.job(job).params) for job in jobs]
    offered = [[one.name for one in params.templates] for params in asked]
    for job in jobs:
        ready.jobs.cancel(job)
    ready.wait(jobs)
    shipped = [one.name for one in children()]
    assert offered == [shipped, [*shipped, "Own"]]  # it is drawn on the first scan
    with pytest.raises(WorkbenchError, match="drawn on S1 itself"):
        ready.labelling.pseudo_label("fine", [1], again=True, template="Own")
    with pytest.raises(WorkbenchError, match="quick carries one template"):
        ready.labelling.pseudo_label("quick", template=shipped[:2])
    with pytest.raises(WorkbenchError, match="no preset 'slow'"):
        ready.labelling.pseudo_label("slow")


def test_that_the_library_holds_whole_small_children(tmp_path: Path) -> None:
    files = children()
    assert len(files) == 8 and {one.sex for one in files} == {"F", "M"}
    assert sum(path.stat().st_size for one in files for path in (one.image, one.labels, one.mask)) < 10e6
    template = read_template(files[0], SCHEME)
    cm3 = np.count_nonzero(template.labels.voxels) / 1000
    assert 900 < cm3 < 1100
    hu = template.brain.image.voxels[template.brain.mask.voxels > 0]
    assert 25 < np.median(hu) < 40
    lacking = files[0].model_copy(update={"labels": tmp_path / "labels.nii.gz"})
    whole = read_nifti(files[0].labels)
    write_nifti(Volume(np.where(whole.voxels == 9, 0, whole.voxels).astype(np.uint8), whole.affine), lacking.labels)
    with pytest.raises(WorkbenchError, match=r"lacks Cerebellum"):
        read_template(lacking, SCHEME)


@pytest.mark.slow
def test_that_a_fused_label_map_says_which_templates_took_part_and_where_they_part(ready: Workbench) -> None:
    whole = drawn(ready, 1)
    first = ready.review.annotations(1)[0]
    edge = np.argwhere(whole.voxels == 10)[:200]
    voxels = whole.voxels.copy()
    voxels[tuple(edge.T)] = 9
    other = ready.review.save(1, first.id, Volume(voxels, whole.affine))
    names = {row.name for row in ready.templates.templates()}
    if "Own" not in names:
        ready.templates.add(first.id, "Own")
    ready.templates.add(other.id, "Other")
    done = run("label", ready.folder, "--preset", "fine", "--template", "Own", "Other", "--subject", "S2", "--again")
    assert done.code == 0, done.err
    found = ready.review.annotations(2)[0]
    told = found.parameters
    assert (told["preset"], told["template"], told["fusion"]) == ("fine", FUSED, "joint")
    assert {part["name"] for part in told["templates"]} == {"Own", "Other"}
    assert sum(part["weight"] for part in told["templates"]) == pytest.approx(1)
    assert found.scores["templates"] == 2 and 0 <= found.scores["disagreement"] < 0.2
    overlap = dice(ready.review.labels(found.id).voxels, drawn(ready, 2).voxels, SCHEME.codes)
    assert min(overlap.values()) > 0.8
    with ready._study.database.reading() as session:
        facts = {one.name: one.volumes_cm3 for one in label_facts.templates(ready._study, session)}
    assert facts[FUSED]["cerebellum"] == pytest.approx(np.mean([facts[n]["cerebellum"] for n in ("Own", "Other")]))
    assert ready.verify() == []
    ways: list[Method] = []
    for template in ("Own", "Other"), ("Other", "Own"):
        done = run("label", ready.folder, "--preset", "balanced", "--template", *template, "--subject", "S2", "--again")
        assert done.code == 0, done.err
        ways.append(method_of(ready.review.annotations(2)[0]))
    assert ways[0] == ways[1] and ways[0].template_labels == told["template_labels"]
