"""A study of many measured children, written straight into its database: all have the same image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ctworkbench.core.model import Annotation, Measurement, Origin, Review, Scan, Sex, Subject, Verdict
from ctworkbench.core.norms.simulated import SimulatedChild
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.measuring import VOLUME


def study_of(folder: Path, children: Sequence[SimulatedChild], unaccepted: int = 0, phantoms: int = 0) -> Workbench:
    """Make a study and open it.

    The label maps of the first `unaccepted` children were judged by nobody; the last `phantoms` are no children.
    """
    workbench = Workbench.create(folder, Settings(author="reader"))
    study = workbench._study
    key = study.store.put(Volume(np.full((6, 6, 6), 30, np.int16), np.eye(4)))
    labels = study.store.put(Volume(np.ones((6, 6, 6), np.uint8), np.eye(4)))
    with study.database.writing() as session:
        for number, child in enumerate(children, start=1):
            subject = Subject(code=child.subject, sex=Sex(child.sex), role=None)
            session.add(subject)
            session.flush()
            scan = Scan(
                subject_id=subject.id,
                series_uid=f"1.2.826.0.1.3680043.9.{number}",
                age_years=child.age_years,
                site="North",
                scanner="GE Revolution CT",
                source=f"{child.subject}/series",
                orientation="RAS",
                shape=[6, 6, 6],
                spacing=[1.0, 1.0, 1.0],
                protocol={"slice_thickness_mm": 0.625}
                | ({"phantom": "a phantom"} if number > len(children) - phantoms else {}),
                corrections=[],
                warnings=[],
                image_key=key,
                job_id="import",
            )
            session.add(scan)
            session.flush()
            annotation = Annotation(
                scan_id=scan.id,
                scheme="lobes10",
                version=1,
                parent_id=None,
                labels_key=labels,
                author="reader",
                origin=Origin.EXPERT,
                parameters={},
                code_version="0",
                job_id=None,
            )
            session.add(annotation)
            session.flush()
            if number > unaccepted:
                session.add(
                    Review(
                        annotation_id=annotation.id,
                        verdict=Verdict.ACCEPT,
                        grade=None,
                        reasons=[],
                        reviewer="reader",
                        seconds=40.0,
                        comment="",
                    )
                )
            session.add_all(
                Measurement(
                    annotation_id=annotation.id,
                    region=region,
                    statistic=VOLUME,
                    value=value,
                    unit="cm³",
                    code_version="0",
                    job_id="m",
                )
                for region, value in child.volumes_cm3.items()
            )
    return workbench
