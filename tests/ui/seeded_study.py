"""A study written straight into its database: sixteen children, one adult, measured, without any job."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ctworkbench.core.model import (
    Annotation,
    Measurement,
    ModelRun,
    Origin,
    Preprocessing,
    Refusal,
    Review,
    Role,
    Scan,
    Sex,
    Subject,
    Verdict,
)
from ctworkbench.core.norms import published_norm
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.measuring import VOLUME

ADULT = 17


def seed(folder: Path, children: int = 16, measured: bool = True, settings: Settings | None = None) -> Workbench:
    """Make a study and open it; scan 17 is an adult, subject P003 has no sex, P005 no age."""
    workbench = Workbench.create(folder, settings or Settings(author="reader"))
    study, norm = workbench._study, published_norm()
    affine = np.diag([6.0, 6.0, 8.0, 1.0])
    chance = np.random.default_rng(7)
    low, high = norm.limits.age_min_years, norm.limits.age_max_years
    with study.database.writing() as session:
        for number in range(1, children + 2):
            adult = number == children + 1
            sex = None if number == 3 else (Sex.MALE if number % 2 else Sex.FEMALE)
            age = 45.0 if adult else float(chance.uniform(low + 0.01, high - 0.01))
            role = (Role.TRAIN, Role.TRAIN, Role.TRAIN, Role.VALIDATION, Role.TEST)[number % 5]
            subject = Subject(code=f"P{number:03d}" if not adult else "GE-ADULT", sex=sex, role=role)
            session.add(subject)
            session.flush()
            image = np.full((12, 14, 10), -1000, np.int16)
            image[2:-2, 2:-2, 2:-2] = 30 + number
            key = study.store.put(Volume(image, affine))
            session.add(
                Scan(
                    id=number,
                    subject_id=subject.id,
                    series_uid=f"1.2.826.0.1.3680043.{number}",
                    age_years=None if number == 5 else age,
                    site=("North", "South")[number % 2],
                    scanner="GE HiSpeed Dual" if adult else "GE Revolution CT",
                    source=f"{subject.code}/series",
                    orientation="RAS",
                    shape=[512, 512, 28 + number],
                    spacing=[0.488, 0.488, 5.0],
                    protocol={},
                    corrections=["gantry tilt 18.5°", "uneven slices"] if adult else [],
                    warnings=["slices of two spacings"] if adult else [],
                    image_key=key,
                    job_id="import",
                )
            )
            session.flush()
            if number == 16:
                continue
            session.add(
                Preprocessing(
                    scan_id=number,
                    image_key=key,
                    brain_key=key,
                    skull_key=key,
                    equalized_key=key,
                    brain_cm3=1100.0,
                    warnings=[],
                    code_version="0",
                    job_id="p",
                )
            )
            if number == 15:
                continue
            labels = np.zeros(image.shape, np.uint8)
            labels[3:-3, 3:-3, 3:-3] = 1 + number % 10
            annotation = Annotation(
                scan_id=number,
                scheme="lobes10",
                version=1,
                parent_id=None,
                labels_key=study.store.put(Volume(labels, affine)),
                author="reader",
                origin=Origin.EXPERT if number % 4 == 0 else Origin.REGISTRATION,
                parameters={"preset": "quick"},
                code_version="0",
                job_id=None,
            )
            session.add(annotation)
            session.flush()
            verdict = (Verdict.ACCEPT, Verdict.ACCEPT, Verdict.NEEDS_EDITS, None, Verdict.ACCEPT)[number % 5]
            if verdict is not None:
                session.add(
                    Review(
                        annotation_id=annotation.id,
                        verdict=verdict,
                        grade=4,
                        reasons=[],
                        reviewer="reader",
                        seconds=40.0,
                        comment="",
                    )
                )
            for region in norm.regions if measured else ():
                expected = norm.mean(region, sex or Sex.MALE, min(age, high))
                value = expected + float(chance.normal(0, 1.1)) * norm.sd(region)
                session.add(
                    Measurement(
                        annotation_id=annotation.id,
                        region=region,
                        statistic=VOLUME,
                        value=value,
                        unit="cm³",
                        code_version="0",
                        job_id="m",
                    )
                )
        session.add(
            ModelRun(
                job_id="t",
                network="resunet",
                preset="demo",
                parameters={},
                result={"dice_validation": 0.861},
                split={"P001": "train", "P002": "validation"},
                label_kind="pseudo-labels",
                code_version="0",
                weights_hash="9f3c0a77b1d2" + "0" * 52,
                created=datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
            )
        )
        session.add(
            Refusal(
                job_id="import",
                source="P099/series 4",
                reason="Four slices share one position.",
                remedy="Export the series again without the localizer.",
                skipped=False,
            )
        )
    return workbench
