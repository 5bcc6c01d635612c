"""Many reports in one job: what is there already is kept, and one that fails does not stop the others."""

import hashlib
import logging
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.norms.child import Child
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm_file import parse
from ctworkbench.core.report.compose import child_report
from ctworkbench.core.report.inputs import ReportInput
from ctworkbench.core.volume import read_nifti
from ctworkbench.core.wording import count

log = logging.getLogger(__name__)

_TAIL_BYTES = 1 << 16  # the information of a PDF stands at its end
_MARK = "ctworkbench-report-"


class ReportCase(BaseModel):
    """One report to be written; see `ReportInput`.

    Attributes:
        image, labels: NIfTI files on one grid.
        file: name of the PDF.
    """

    model_config = ConfigDict(frozen=True)

    child: Child
    image: Path
    labels: Path
    file: str
    facts: tuple[tuple[str, str], ...] = ()
    acquisition: tuple[tuple[str, str], ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    phantom: bool = False
    scheme: str = schemes.DEFAULT
    program: str = "CT Workbench"

    def digest(self, norm: Norm) -> str:
        """What the report is made from: the same digest, the same page."""
        content = self.model_dump_json(exclude={"image", "labels"})
        keys = f"{self.image.name} {self.labels.name} {norm.name} {norm.limits.text} {norm.limits.cautions}"
        return _MARK + hashlib.sha256(f"{content}{keys}".encode()).hexdigest()


class ReportsParams(BaseModel):
    """What to write, and where.

    Attributes:
        out: folder of the PDFs.
        without: why subjects get no report, one sentence each.
        norm: text of a fitted norm's file; the published norm if empty.
    """

    model_config = ConfigDict(frozen=True)

    cases: tuple[ReportCase, ...]
    out: Path
    without: tuple[str, ...] = ()
    norm: str = ""


class ReportsResult(BaseModel):
    """What became of the reports.

    Attributes:
        written: files that were made; kept: files that were there and up to date.
        problems: a sentence for every report that there is none of.
    """

    model_config = ConfigDict(frozen=True)

    written: tuple[str, ...]
    kept: tuple[str, ...]
    problems: tuple[str, ...]


def write_reports(params: ReportsParams, context: JobContext) -> ReportsResult:
    """Write every report that is not there yet; one that fails is told and does not stop the others. A work function.

    Raises:
        JobCancelled: the user cancelled; what was written stays, and the next run goes on behind it.
        WorkbenchError: the text of the norm is none.
    """
    norm = FittedNorm(parse(params.norm, "the norm of the job")) if params.norm else published_norm()
    written: list[str] = []
    kept: list[str] = []
    problems = list(params.without)
    for number, case in enumerate(params.cases):
        context.progress(
            number / len(params.cases), f"Report {number + 1} of {len(params.cases)}: {case.child.subject}"
        )
        out = params.out / case.file
        digest = case.digest(norm)
        if _is_made_from(out, digest):
            kept.append(case.file)
            continue
        try:
            child_report(load_case(case, norm), out, digest)
            written.append(case.file)
        except WorkbenchError as error:
            problems.append(f"No report of {case.child.subject}: {error}")
        except Exception as error:  # a fault in one child's page must not cost the others theirs
            log.exception("the report of %s failed", case.child.subject)
            problems.append(f"No report of {case.child.subject}: {type(error).__name__}: {error}")
    told = f"{count(len(written), 'report')} written, {len(kept)} kept"
    context.progress(1.0, f"{told}, {len(problems)} not made: {problems[0]}" if problems else f"{told}.")
    return ReportsResult(written=tuple(written), kept=tuple(kept), problems=tuple(problems))


def load_case(case: ReportCase, norm: Norm) -> ReportInput:
    """A case with its images read.

    Raises:
        VolumeError: an image cannot be read.
    """
    return ReportInput(
        child=case.child,
        image=read_nifti(case.image),
        labels=read_nifti(case.labels),
        facts=case.facts,
        acquisition=case.acquisition,
        provenance=case.provenance,
        warnings=case.warnings,
        phantom=case.phantom,
        scheme=case.scheme,
        program=case.program,
        norm=norm,
    )


def file_name(code: str) -> str:
    """Name of a subject's PDF: its code, with what no file name can hold replaced and told apart by a hash."""
    plain = re.sub(r"[^\w.-]", "_", code).lstrip(".")
    if plain == code:
        return f"{code}.pdf"
    return f"{plain}-{hashlib.sha256(code.encode()).hexdigest()[:6]}.pdf"


def _is_made_from(path: Path, digest: str) -> bool:
    """Whether a PDF is there that was made from exactly this."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return digest.encode() in stream.read()
    except OSError:
        return False
