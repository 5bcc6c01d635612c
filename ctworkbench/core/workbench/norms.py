"""The norms room: label maps become volumes, volumes become tables, charts and one child's report."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ctworkbench.core.analysis.further import FurtherTables
from ctworkbench.core.analysis.harmonization import Harmonizing
from ctworkbench.core.analysis.tables import Repeats, StatisticsTables
from ctworkbench.core.norms import Norm
from ctworkbench.core.norms.child import Child
from ctworkbench.core.norms.cohort import Method, Selection
from ctworkbench.core.norms.comparing import Comparison
from ctworkbench.core.norms.measurement_error import MeasurementError
from ctworkbench.core.report.batch import ReportsResult
from ctworkbench.core.workbench import (
    charting,
    child,
    further_tables,
    harmonizing,
    measuring,
    norm_library,
    repeatability,
    reporting,
    tables,
)
from ctworkbench.core.workbench import volumes as volumes_of
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.repeatability import MAX_GAP_YEARS
from ctworkbench.core.workbench.rows import Changes, ChartData, NormPreview, NormRow, VolumeRow
from ctworkbench.core.workbench.tables import FORMATS


class NormsRoom:
    """Volumes against the published norm; each method's work stands in a module of its own."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def norm(self, name: str | None = None) -> Norm:
        """The norm in use, the published one unless another was chosen; or the one of a name.

        Raises:
            WorkbenchError: there is no norm of that name.
        """
        return norm_library.norm(self._study, name)

    def library(self) -> list[NormRow]:
        """All norms that the study has, the published one first."""
        return norm_library.library(self._study)

    def choose_norm(self, name: str, initiator: object = None) -> None:
        """Use a norm from now on for charts, tables of one child, and reports.

        Raises:
            WorkbenchError: there is no norm of that name.
        """
        norm_library.choose_norm(self._study, name, initiator)

    def preview_fit(self, method: Method, source: str, selection: Selection) -> NormPreview:
        """Who a norm would be made from, and why it cannot be made."""
        return norm_library.preview(self._study, method, source, selection)

    def fit_norm(
        self,
        name: str,
        method: Method = "lms",
        source: str = CURRENT,
        selection: Selection | None = None,
        title: str = "",
        population: str = "",
        centre: str = "",
        repeats: int | None = None,
        initiator: object = None,
    ) -> list[str]:
        """Start the fit of a norm to the study's own children; the job's id. See `norm_library.fit_norm`.

        Raises:
            WorkbenchError: the name cannot be used, or the children cannot carry a norm.
        """
        chosen = selection or Selection()
        return norm_library.fit_norm(
            self._study, name, method, title, source, chosen, population, centre, repeats, initiator
        )

    def record_fit(self, job_id: str) -> Changes:
        """Take a fitted norm into the study."""
        return norm_library.record_fit(self._study, job_id)

    def fit_notes(self, job_ids: list[str]) -> list[str]:
        """What fits have to say to those who may see the study; it names subjects."""
        return norm_library.fit_notes(self._study, job_ids)

    def import_norm(self, path: Path, name: str = "", initiator: object = None) -> NormRow:
        """Take a norm from a file into the study, under its own name or another.

        Raises:
            WorkbenchError: not a whole, unchanged norm of these regions, there already, or the name is taken.
        """
        return norm_library.import_norm(self._study, path, name, initiator)

    def export_norm(self, name: str, out: Path) -> Path:
        """Write a norm as a file (.json), or its card for people (.md, .pdf).

        Raises:
            WorkbenchError: no such norm, or it cannot be written so.
        """
        return norm_library.export_norm(self._study, name, out)

    def compare_norms(self, one: str, other: str) -> Comparison:
        """How far two norms lie apart, by region, sex and age.

        Raises:
            WorkbenchError: no such norm, or they share no region, sex or age.
        """
        return norm_library.compare_norms(self._study, one, other)

    def measure(self, initiator: object = None) -> list[str]:
        """Start the measurement of every label map that lacks a statistic; the jobs' ids."""
        return measuring.measure(self._study, initiator)

    def record_measure(self, job_id: str) -> Changes:
        """Take the numbers of a measuring job into the study."""
        return measuring.record_measure(self._study, job_id)

    def unmeasured(self) -> int:
        """Number of label maps that have no volumes."""
        return measuring.unmeasured(self._study)

    def problems(self, job_ids: list[str]) -> list[str]:
        """What measuring jobs found wrong with label maps, one sentence each."""
        return measuring.problems(self._study, job_ids)

    def sources(self) -> list[str]:
        """Kinds of label maps that have been measured, "current" first; empty if none has."""
        return volumes_of.sources(self._study)

    def volumes(self, source: str = CURRENT) -> list[VolumeRow]:
        """The volumes of one label map per scan, in cm³; see `volumes.volumes`."""
        return volumes_of.volumes(self._study, source, self._study.settings.author)

    def chart(self, region: str, source: str = CURRENT) -> ChartData:
        """Volume of one region against age: the cohort's dots, the published norm's bands by sex."""
        return charting.chart(self._study, region, source)

    def charts(self, names: Sequence[str], source: str = CURRENT) -> dict[str, ChartData]:
        """Charts of regions and, for right minus left, of pairs, by name, from one reading of the study."""
        return charting.charts(self._study, names, source)

    def asymmetry(self, pair: str, source: str = CURRENT) -> ChartData:
        """Right minus left of one pair ("frontal", "parietal", "occipital", "temporal") against age, in cm³."""
        return charting.asymmetry(self._study, pair, source)

    def child(self, scan_id: int, source: str = CURRENT) -> Child | None:
        """One scan of a child against the norm, its other scans beside it; None where it has no volumes.

        Raises:
            WorkbenchError: there is no such scan.
        """
        return child.child(self._study, scan_id, source)

    def subject(self, code: str, source: str = CURRENT) -> Child:
        """The latest measured scan of a subject against the norm, the other scans beside it.

        Raises:
            WorkbenchError: no such subject, or none of its scans has a measured label map.
        """
        return child.subject(self._study, code, source)

    def measurement_error(self, name: str, source: str) -> MeasurementError:
        """How far a region, a pair or "total" of one brain measures apart by a kind of label maps; it may be not known.

        Args:
            name: of a region ("right_frontal"), of a pair ("frontal") for right minus left, or "total".
            source: "registration", "expert" or "model".

        Raises:
            WorkbenchError: an unknown name or source.
        """
        return repeatability.measurement_error(self._study, name, source)

    def measurement_errors(self, source: str, max_gap_years: float = MAX_GAP_YEARS) -> dict[str, MeasurementError]:
        """The measurement error of everything that is measured, by name, from one reading of the study."""
        return repeatability.measurement_errors(self._study, source, max_gap_years)

    def tables(
        self, source: str = CURRENT, repeats: Repeats = "first", harmonize: Harmonizing | None = None
    ) -> StatisticsTables:
        """The article's tables of the study, nothing written; see `tables.cohort_tables`."""
        return tables.cohort_tables(self._study, source, repeats, harmonize)

    def statistics(
        self,
        out: Path,
        source: str = CURRENT,
        formats: Sequence[str] = FORMATS,
        repeats: Repeats = "first",
        tell: Callable[[str], object] = lambda _: None,
        harmonize: Harmonizing | None = None,
    ) -> StatisticsTables:
        """Write the cohort's tables and figures; `not_made` says what could not be; see `tables.statistics`.

        Raises:
            WorkbenchError: nothing was measured, or the folder cannot be written.
        """
        made = tables.statistics(self._study, out, source, formats, repeats, tell, harmonize)
        self._study.log("write tables", "study", {"source": source, "scans": made.n_scans, "out": out.name})
        return made

    def further_tables(
        self, source: str = CURRENT, harmonize: Harmonizing | None = None, repeats: Repeats = "first"
    ) -> FurtherTables:
        """Adjusted, interaction, mixed, asymmetry and missing-data tables; see `further_tables.further_tables`."""
        return further_tables.further_tables(self._study, source, harmonize, repeats)

    def write_further_tables(
        self,
        out: Path,
        source: str = CURRENT,
        formats: Sequence[str] = FORMATS,
        repeats: Repeats = "first",
        harmonize: Harmonizing | None = None,
    ) -> FurtherTables:
        """Write the further tables into the folder `further` of a folder; see `further_tables.write_further_tables`."""
        return further_tables.write_further_tables(self._study, out, source, formats, repeats, harmonize)

    def intracranial_volumes(self) -> dict[int, float]:
        """Inside of the skull of each preprocessed scan, in cm³ by id of the scan, from the 1 mm grid."""
        return harmonizing.intracranial_volumes(self._study)

    def report(self, subject_code: str, out: Path, source: str = CURRENT) -> Path:
        """Write the one-page PDF of a subject's latest scan.

        Raises:
            WorkbenchError: no such subject, or none of its scans has a measured label map.
        """
        written = reporting.report(self._study, subject_code, out, source)
        self._study.log("report", subject_code, {"source": source, "out": out.name})
        return written

    def reports(self, out: Path, source: str = CURRENT, initiator: object = None) -> list[str]:
        """Start the reports of all subjects into a folder; the jobs' ids. What is there and up to date is kept.

        Raises:
            WorkbenchError: no subject has a measured label map.
        """
        return reporting.reports(self._study, out, source, initiator)

    def record_reports(self, job_id: str) -> Changes:
        """Take note that a job of reports ended."""
        return reporting.record_reports(self._study, job_id)

    def report_results(self, job_ids: Sequence[str]) -> ReportsResult:
        """What became of the reports of jobs that are done, together."""
        return reporting.report_results(self._study, job_ids)
