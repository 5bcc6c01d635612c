"""Sex and age of the subjects: completed by a later import, corrected with a reason, doubted where no child's."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.cohort_table import MAX_AGE_YEARS
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.importing import ImportedScan, stated_age
from ctworkbench.core.model import Annotation, NormRecord, Scan, Sex, Subject
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes

CORRECT = "correct subject"
REMEDY = (
    "If the study is wrong, correct it: ctworkbench correct, or Cohort → right click → “Correct age or sex…”. If the "
    "table is wrong, correct the table."
)
_SAME_AGE_YEARS = 0.05
_BIRTHDAY_YEARS = 2 / 365.25
"""By so much an age in years of 365.25 days can lie below the whole years that a header counts, or above their end."""


@dataclass(frozen=True)
class Correction:
    """What a correction did.

    Attributes:
        changes: each value before and after, as a sentence.
        norms: names of norms of this study that were fitted with the value before.
    """

    changes: tuple[str, ...]
    norms: tuple[str, ...]

    @property
    def stale(self) -> str:
        """What was made with the value before and does not change by itself."""
        norms = f"Fitted with the value before: the norm {', '.join(self.norms)}; fit it again. " if self.norms else ""
        return f"{norms}Reports and tables that were written before hold the value before: write them again."


def complete(study: OpenStudy, session: Session, scan: Scan, found: ImportedScan) -> tuple[str, str, bool]:
    """Take sex and age of a scan that is in the study already where they were unknown: reason, remedy, skipped.

    What is known is not overwritten: volumes may have been compared with it. That it differs is told. One age is: that
    of a header, which counts whole years or months, by the one of a table that lies within them and so is more exact.
    """
    subject = session.get_one(Subject, scan.subject_id)
    if subject.code != found.subject:
        one_table = "Keep what is right in one cohort table; a scan that came in wrong belongs in a new study."
        return f"It is in the study already, as {subject.code}; here it is {found.subject}.", one_table, False
    if found.sex is not None and subject.sex is not None and subject.sex != found.sex:
        return f"It is in the study already with the sex {subject.sex}; here it is {found.sex}.", REMEDY, False
    exact = False
    if found.age_years is not None and scan.age_years is not None and scan.age_years != found.age_years:
        exact = _rounds_down(found.age_years, scan.age_years, found.header_age)
        rounded = _rounds_down(scan.age_years, found.age_years, found.header_age)
        if abs(found.age_years - scan.age_years) > _SAME_AGE_YEARS and not exact and not rounded:
            ages = f"{scan.age_years:.2f} years; here it is {found.age_years:.2f}"
            return f"It is in the study already with the age {ages}.", REMEDY, False
    news: dict[str, object] = {}
    told: list[str] = []
    if subject.sex is None and found.sex is not None:
        subject.sex = Sex(found.sex)
        news["sex"] = found.sex
        told.append("now known: sex")
    if scan.age_years is None and found.age_years is not None:
        scan.age_years = news["age_years"] = found.age_years
        told.append("now known: age_years" if not told else "age_years")
    elif exact:
        news |= {"age_years": found.age_years, "age_years before": scan.age_years, "header_age": found.header_age}
        told.append(
            f"its age {scan.age_years:.2f} of the header ({found.header_age}) is now the more exact "
            f"{found.age_years:.2f} years of the table"
        )
        scan.age_years = found.age_years
    if not news:
        return "It is in the study already.", "Nothing needs to be done.", True
    scan.warnings = list(found.warnings)
    study.audit(session, "complete scan", f"scan {scan.id}", news, scan.id)
    return f"It is in the study already; {', '.join(told)}.", "Nothing needs to be done.", True


def _rounds_down(exact: float, known: float, header_age: str) -> bool:
    """Whether an age is the more exact form of a known one that the scan's header states in whole units."""
    stated = stated_age(header_age)
    if stated is None or abs(stated[0] - known) > 1e-6 or exact == known:
        return False
    return stated[0] - _BIRTHDAY_YEARS <= exact < stated[0] + stated[1] + _BIRTHDAY_YEARS


def correct(
    study: OpenStudy,
    code: str,
    reason: str,
    age_years: float | None = None,
    sex: str | None = None,
    scan_id: int | None = None,
    initiator: object = None,
) -> Correction:
    """Write another age or sex of a subject, with who, when, from what and why in the audit trail.

    Args:
        study: the study.
        code: the subject's code.
        reason: why, in words.
        age_years: age at the scan, 0 to 120 years; None leaves it.
        sex: "M" or "F"; it holds for all scans of the subject. None leaves it.
        scan_id: the scan that the age belongs to, where the subject has several.
        initiator: who is not to be told.

    Raises:
        ReaderError: nobody's name is known.
        WorkbenchError: no such subject or scan, no reason, no human age, or nothing that would change.
    """
    author = study.reader()
    reason = " ".join(reason.split())
    if not reason:
        raise WorkbenchError("A correction needs a reason.", "Say why, such as: age was given in months.")
    if age_years is None and sex is None:
        raise WorkbenchError("Nothing was given to correct.", "Give an age in years or a sex.")
    if age_years is not None and not 0 <= age_years <= MAX_AGE_YEARS:
        raise WorkbenchError(f"{age_years:g} is no human age in years.", "Give the age at the scan, such as 2.45.")
    if sex is not None and sex not in ("M", "F"):
        raise WorkbenchError(f"{sex!r} is not a sex.", "Give M or F.")
    with study.database.writing() as session:
        subject = session.scalar(select(Subject).where(Subject.code == code))
        if subject is None:
            raise WorkbenchError(
                f"There is no subject {code} in this study.", "See who is there: ctworkbench review STUDY"
            )
        scans = list(session.scalars(select(Scan).where(Scan.subject_id == subject.id).order_by(Scan.id)))
        before: dict[str, object] = {}
        after: dict[str, object] = {}
        touched: list[int] = []
        one: Scan | None = None
        if age_years is not None:
            one = _scan_of(code, scans, scan_id)
            if one.age_years != age_years:
                before["age_years"], after["age_years"] = one.age_years, age_years
                one.age_years = age_years
                touched.append(one.id)
        if sex is not None and subject.sex != sex:
            before["sex"], after["sex"] = subject.sex, sex
            subject.sex = Sex(sex)
            touched = [scan.id for scan in scans]
        if not after:
            raise WorkbenchError(f"{code} has these values already.", "Nothing needs to be done.")
        for scan in scans:
            scan.warnings = [
                text for text in scan.warnings if not _says_unknown(text, subject.sex is not None, scan.age_years)
            ]
        norms = _fitted_with(session, touched)
        values = after | {f"{name} before": value for name, value in before.items()}
        details = values | {"why": reason, "scans": touched, "fitted norms": norms}
        study.audit(session, CORRECT, code, details, None if one is None else one.id, author)
    # volumes are told too: whatever shows them, shows them by age and sex
    study.announce(Changes(scans=True, measurements=True, norms=bool(norms)), initiator)
    names = {"age_years": "age", "sex": "sex"}
    changes = tuple(f"{names[name]} {_text(before[name])} → {_text(after[name])}" for name in after)
    return Correction(changes, tuple(norms))


def _scan_of(code: str, scans: Sequence[Scan], scan_id: int | None) -> Scan:
    """The scan whose age is meant."""
    found = [scan for scan in scans if scan_id is None or scan.id == scan_id]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{scan.id} ({scan.source})" for scan in scans)
    if not found:
        raise WorkbenchError(f"{code} has no scan {scan_id}.", f"Its scans: {listed}.")
    raise WorkbenchError(f"{code} has {len(scans)} scans, each with its own age.", f"Name one by --scan: {listed}.")


def _says_unknown(warning: str, sex_known: bool, age_years: float | None) -> bool:
    """Whether a warning of the import says that something is unknown which is known now."""
    head = warning.partition(" unknown:")[0]
    known = {"sex": sex_known, "age": age_years is not None, "sex and age": sex_known and age_years is not None}
    return warning != head and known.get(head, False)


def _fitted_with(session: Session, scan_ids: Sequence[int]) -> list[str]:
    """Names of the norms that were fitted with label maps of some scans."""
    maps = set(session.scalars(select(Annotation.id).where(Annotation.scan_id.in_(scan_ids))))
    rows = session.execute(select(NormRecord.name, NormRecord.details).where(NormRecord.origin == "fitted")).tuples()
    return sorted(name for name, details in rows if maps.intersection(details.get("label_maps", ())))


def _text(value: object) -> str:
    return "unknown" if value is None else f"{value:g} years" if isinstance(value, float | int) else str(value)
