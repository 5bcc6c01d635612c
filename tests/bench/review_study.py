"""A study of large scans for the benchmark of the review room: heads of an ellipsoid with the noise of a CT."""

from pathlib import Path

import numpy as np

from ctworkbench.core.model import Annotation, Origin, Scan, Sex, Subject
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench

SHAPE = (512, 512, 224)
SPACING = (0.45, 0.45, 0.7)
NOISE_HU = 6.0


def large_head(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Volume, Volume]:
    """HU (int16) and ten regions (uint8) of a head, axes (x, y, z) in RAS, noise throughout.

    The regions are sectors of the brain, so that every slice through it crosses several borders.
    """
    chance = np.random.default_rng(seed)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = [-size * length / 2 for size, length in zip(shape, SPACING, strict=True)]
    size = 0.8 + 0.1 * chance.random()
    x, y = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    image = np.empty(shape, np.int16, order="F")
    labels = np.zeros(shape, np.uint8, order="F")
    sector = (np.floor((np.arctan2(y, x) / np.pi + 1) * 2.5).astype(np.uint8) % 5) + 1
    for place, z in enumerate(np.linspace(-1, 1, shape[2])):
        radius = np.sqrt(x**2 + y**2 + z**2) / size
        hu = np.full(radius.shape, -1000.0)
        hu[radius < 1.0] = 40
        hu[radius < 0.95] = 900
        brain = radius < 0.88
        hu[brain] = 35
        image[:, :, place] = np.rint(hu + NOISE_HU * chance.standard_normal(radius.shape, np.float32))
        labels[:, :, place][brain] = sector[brain] + (5 if z > 0 else 0)
    return Volume(image, affine), Volume(labels, affine)


def make_large_study(folder: Path, scans: int, heads: int, shape: tuple[int, int, int] = SHAPE) -> Workbench:
    """A study of `scans` scans without verdict that share `heads` different images, P001 and on."""
    workbench = Workbench.create(folder, Settings(author="reader"))
    store, database = workbench._study.store, workbench._study.database
    keys: list[tuple[str, str]] = []
    for number in range(heads):
        image, labels = large_head(number, shape)
        keys.append((store.put(image), store.put(labels)))
    with database.writing() as session:
        for number in range(scans):
            image_key, labels_key = keys[number % heads]
            subject = Subject(code=f"P{number + 1:03}", sex=Sex.FEMALE)
            session.add(subject)
            session.flush()
            scan = Scan(
                subject_id=subject.id,
                series_uid=f"1.2.3.{subject.id}",
                age_years=2.5,
                site="S1",
                scanner="Phantom",
                source=f"{subject.code}.nii.gz",
                orientation="RAS",
                shape=list(shape),
                spacing=list(SPACING),
                protocol={},
                corrections=[],
                warnings=[],
                image_key=image_key,
                job_id="bench",
            )
            session.add(scan)
            session.flush()
            session.add(
                Annotation(
                    scan_id=scan.id,
                    scheme="lobes10",
                    version=1,
                    parent_id=None,
                    labels_key=labels_key,
                    author="quick",
                    origin=Origin.REGISTRATION,
                    comment="",
                    scores={},
                    parameters={},
                    code_version="bench",
                )
            )
    return workbench
