"""Scans with all their volumes, measured or harmonized: what models of several variables are made from."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from ctworkbench.core.analysis.harmonization import Harmonizing, harmonize
from ctworkbench.core.analysis.observations import Exclusion, Observation
from ctworkbench.core.analysis.scans import Account, ScanVolumes, plausible_scans
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Preprocessing, Scan, Subject
from ctworkbench.core.terms import PREPROCESSING
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.volumes import scanners, volumes


def intracranial_volumes(study: OpenStudy) -> dict[int, float]:
    """Inside of the skull down to the foramen magnum of each preprocessed scan, in cm³ by id of the scan.

    Measured on the 1 mm grid that preprocessing resamples to; the newest preprocessing counts. That of an older program
    does not: it left the last millimetre at the bone out.
    """
    with study.database.reading() as session:
        query = select(Preprocessing.scan_id, Preprocessing.brain_cm3).where(Preprocessing.version == PREPROCESSING)
        return dict(session.execute(query.order_by(Preprocessing.id)).tuples().all())


def scan_volumes(study: OpenStudy, source: str = CURRENT) -> list[ScanVolumes]:
    """Every scan of the study with its volumes of one source; those without any have none.

    Raises:
        WorkbenchError: an unknown source.
    """
    found: dict[int, dict[str, float]] = defaultdict(dict)
    origins: dict[int, str] = {}
    for row in volumes(study, source):
        found[row.scan_id][row.region] = row.volume_cm3
        origins[row.scan_id] = str(row.source)
    skulls = intracranial_volumes(study)
    with study.database.reading() as session:
        device = scanners(session)
        query = (
            select(Scan.id, Scan.age_years, Scan.site, Subject.code, Subject.sex)
            .join(Subject, Subject.id == Scan.subject_id)
            .order_by(Subject.code, Scan.id)
        )
        return [
            ScanVolumes(
                subject=code,
                scan=scan,
                sex=sex,
                age_years=age,
                volumes_cm3=found.get(scan, {}),
                source=origins.get(scan, ""),
                site=site,
                scanner=device[scan],
                intracranial_cm3=skulls.get(scan),
            )
            for scan, age, site, code, sex in session.execute(query).tuples()
        ]


def harmonized_observations(
    study: OpenStudy, source: str, how: Harmonizing, observations: Sequence[Observation]
) -> tuple[list[Observation], list[str], tuple[Exclusion, ...]]:
    """Observations with harmonized volumes and their source named so, what must be said of them, and who is not there.

    Observations of scans that cannot be harmonized are left out; nothing is stored.

    Raises:
        WorkbenchError: nothing can be harmonized, and why.
    """
    account = Account()
    scans = plausible_scans([scan for scan in scan_volumes(study, source) if scan.volumes_cm3], account)
    done = harmonize(scans, how, account)
    if not done.rows:
        raise not_harmonized(how, account.notes, account.left_out)
    made = {(row.scan, row.region): row for row in done.rows}
    kept: list[Observation] = []
    for row in observations:
        found = made.get((row.scan or 0, row.region))
        if found is not None:
            kept.append(replace(row, volume_cm3=found.harmonized_cm3, source=found.source))
    names = "; ".join(sorted({row.source for row in kept}))
    lost = len(scans) - len(done.scans)
    told = f"Volumes: {names}; not as measured. In no table, since not harmonized: {count(lost, 'scan')}."
    return kept, [told, *account.notes], account.left_out


def not_harmonized(how: Harmonizing, notes: Sequence[str], left_out: Sequence[Exclusion]) -> WorkbenchError:
    """Why nothing could be harmonized, and what to do."""
    start = f"ComBat by {how.by}: "
    why = [note.removeprefix(start) for note in notes if note.startswith(start) and "nothing was" in note]
    why += [f"{entry.reason[:1].upper()}{entry.reason[1:]}." for entry in left_out if "fewer than" in entry.reason]
    return WorkbenchError(
        f"{start}{' '.join(why)}",
        "Use the volumes as measured, harmonize over something else, or ask for fewer children.",
    )
