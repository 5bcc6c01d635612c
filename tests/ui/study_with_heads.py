"""A small study for tests of the window: scans of a crude head whose left differs from its right."""

from pathlib import Path

import numpy as np

from ctworkbench.core.model import Annotation, Origin, Scan, Sex, Subject
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench

SPACING = (3.0, 4.0, 5.0)
SHAPE = (40, 36, 24)
LEFT_FRONTAL, RIGHT_TEMPORAL, CEREBELLUM = 2, 7, 9
MARK_HU = 1000


def head() -> tuple[Volume, Volume]:
    """HU and labels of a head, axes (x, y, z) in RAS: a bright spot and the code 2 in the patient's front left."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = [-60.0, -70.0, -50.0]
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    image = np.full(SHAPE, -1000, np.int16)
    image[radius < 0.95] = 900
    image[radius < 0.85] = 35
    labels = np.zeros(SHAPE, np.uint8)
    brain = radius < 0.8
    labels[brain & (x < -0.2) & (y > 0.2)] = LEFT_FRONTAL
    labels[brain & (x > 0.2) & (y < 0.0)] = RIGHT_TEMPORAL
    image[labels == LEFT_FRONTAL] = 60
    return Volume(np.asfortranarray(image), affine), Volume(np.asfortranarray(labels), affine)


def add_scan(
    workbench: Workbench, code: str, image: Volume, labels: Volume | None, age: float = 2.5, sex: Sex = Sex.FEMALE
) -> int:
    """Put a scan, and version 1 of its label map by registration, straight into a study; the number of the scan."""
    store, database = workbench._study.store, workbench._study.database
    image_key = store.put(image)
    with database.writing() as session:
        subject = Subject(code=code, sex=sex)
        session.add(subject)
        session.flush()
        scan = Scan(
            subject_id=subject.id,
            series_uid=f"1.2.3.{subject.id}",
            age_years=age,
            site="S1",
            scanner="Phantom",
            source=f"{code}.nii.gz",
            orientation="RAS",
            shape=list(image.voxels.shape),
            spacing=list(image.spacing),
            protocol={},
            corrections=[],
            warnings=[],
            image_key=image_key,
            job_id="test",
        )
        session.add(scan)
        session.flush()
        if labels is not None:
            session.add(
                Annotation(
                    scan_id=scan.id,
                    scheme="lobes10",
                    version=1,
                    parent_id=None,
                    labels_key=store.put(labels),
                    author="quick",
                    origin=Origin.REGISTRATION,
                    comment="",
                    scores={},
                    parameters={},
                    code_version="test",
                )
            )
        return scan.id


def make_study(folder: Path, scans: int = 3) -> Workbench:
    """A study of `scans` heads, P001 and on, each with version 1 of its label map."""
    workbench = Workbench.create(folder, Settings(author="reader"))
    image, labels = head()
    for number in range(1, scans + 1):
        add_scan(workbench, f"P{number:03}", image, labels)
    return workbench
