"""Label maps leave for other programs and come back as new versions."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy import select

from ctworkbench.core.errors import ConflictError, WorkbenchError
from ctworkbench.core.exchange.incoming import Incoming, read_label_file
from ctworkbench.core.exchange.itksnap import label_description
from ctworkbench.core.exchange.slicer import NOTHING, write_segmentation
from ctworkbench.core.files import replace_text
from ctworkbench.core.model import Scan, Subject
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.core.workbench.current import version_named
from ctworkbench.core.workbench.exporting import file_names
from ctworkbench.core.workbench.lineage import doubted
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.review import ReviewRoom
from ctworkbench.core.workbench.rows import AnnotationRow

Format = Literal["nifti", "nrrd"]
# The number of a label map in the study, never that of a version: readers who are blinded see other versions.
_EXPORTED = re.compile(r"(.+)_(?:(a\d+)|new)(?=[_.])")
# Exports once carried the version's number instead, which tells whose label map it is, not which one.
_EXPORTED_EARLIER = re.compile(r"(.+)_v\d+(?:_labels\.nii(?:\.gz)?|\.seg\.nrrd)$")
_LEAST_SHARE = 0.5
_OTHER_STUDY = "It comes from another study: give it another name, or say what to put it upon (--parent)."
FORMATS: dict[Format, str] = {"nifti": "ITK-SNAP", "nrrd": "3D Slicer"}


class ExchangeRoom:
    """Single label maps go out as files that ITK-SNAP or 3D Slicer opens, and what was drawn there is taken back."""

    def __init__(self, study: OpenStudy, review: ReviewRoom) -> None:
        self._study = study
        self._review = review

    def scan_of(self, code: str, series_uid: str | None = None) -> int:
        """The scan of a subject.

        Raises:
            WorkbenchError: no such subject or series, or several scans and no series named.
        """
        with self._study.database.reading() as session:
            query = select(Scan.id, Scan.series_uid).join(Subject).where(Subject.code == code).order_by(Scan.id)
            scans = session.execute(query).tuples().all()
        if not scans:
            raise WorkbenchError(
                f"There is no subject {code} in this study.", "See who is there: ctworkbench review STUDY"
            )
        found = [scan for scan, uid in scans if series_uid in (None, uid)]
        if len(found) != 1:
            listed = ", ".join(uid for _, uid in scans)
            what = f"{code} has {len(scans)} scans" if series_uid is None else f"{code} has no series {series_uid}"
            raise WorkbenchError(f"{what}.", f"Name one of its series (--series): {listed}.")
        return found[0]

    def version_of(self, scan_id: int, version: str | None = None) -> AnnotationRow | None:
        """A version of a scan's label map, by default the one that counts; None if the scan has none at all.

        Args:
            scan_id: the scan.
            version: "2", as the reader counts them, or "a17", whatever is kept from the reader (`version_named`).

        Raises:
            WorkbenchError: it has others, and not this one.
        """
        rows = self._review.annotations(scan_id)
        if version is None:
            return self._review.current(scan_id) or next(iter(rows), None)
        found = version_named(rows, version)
        if found is None:
            there = ", ".join(f"{row.version} ({row.handle})" for row in reversed(rows)) or "none"
            raise WorkbenchError(f"There is no version {version} of this label map.", f"There is {there}.")
        return found

    def export(self, scan_id: int, annotation_id: int | None, out: Path, form: Format) -> list[Path]:
        """Write image and label map for another program; the paths, the label map's last.

        Both stand on the scan's own grid, in the axis order in which the scan came. With a NIfTI label map goes a label
        description file for ITK-SNAP; a `.seg.nrrd` names its segments itself. Without a version an empty label map is
        written, to be drawn from nothing. What it is drawn from stands in the file's name, as the number that the label
        map has in the study ("P001_a17"), and in a `.seg.nrrd` besides, so that `take_back` cannot mistake it. Where
        it is kept how unsure the networks were that it goes back to, that stands beside it, in percent.

        Args:
            scan_id: the scan.
            annotation_id: the version; None for an empty label map.
            out: a folder, made if need be; files of the same names are replaced.
            form: "nifti" or "nrrd".

        Raises:
            WorkbenchError: no such scan or version, or the folder cannot be written.
        """
        study = self._study
        doubt: Volume | None = None
        with study.database.reading() as session:
            scan = session.get(Scan, scan_id)
        if scan is None:
            raise WorkbenchError(f"There is no scan {scan_id} in this study.")
        name = self._names()[scan_id]
        image = study.store.get(scan.image_key)
        if annotation_id is None:
            labels, drawn = Volume(np.zeros(image.voxels.shape, np.uint8, order="F"), image.affine), f"{name}_new"
            mark = NOTHING
        else:
            row = self._review.annotation(annotation_id)
            if row.scan_id != scan_id:
                raise WorkbenchError(f"The label map {annotation_id} belongs to another scan.")
            labels, drawn, mark = study.store.get(row.labels_key), f"{name}_{row.handle}", row.handle
            if doubted(self._review.annotations(scan_id), row) is not None:
                doubt = self._review.uncertainty(row.id).oriented(scan.orientation)
        labels, image = labels.oriented(scan.orientation), image.oriented(scan.orientation)
        scheme = load_scheme(study.scheme)
        written = [out / f"{name}_image.nii.gz"]
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_nifti(image, written[0])
            if doubt is not None:
                written.append(out / f"{drawn}_uncertainty.nii.gz")
                write_nifti(doubt, written[-1])
            if form == "nifti":
                written += [out / f"{scheme.name}_itksnap.txt", out / f"{drawn}_labels.nii.gz"]
                replace_text(written[-2], label_description(scheme))
                write_nifti(labels, written[-1])
            else:
                written.append(out / f"{drawn}.seg.nrrd")
                write_segmentation(labels, scheme, written[-1], mark)
        except OSError as error:
            raise WorkbenchError(
                f"{out} cannot be written: {error.strerror or error}.", "Free some space, or choose another folder."
            ) from error
        with study.database.writing() as session:
            told = {"scan": scan_id, "annotation": annotation_id, "file": written[-1].name}
            study.audit(session, "export label map", f"scan {scan_id}", told, scan_id)
        return written

    def take_back(
        self,
        scan_id: int,
        path: Path,
        otherwise: int | None,
        upon: int | None = None,
        author: str = "",
        initiator: object = None,
    ) -> tuple[AnnotationRow, tuple[str, ...]]:
        """Keep a label map that was drawn elsewhere as a new version; the version, and what a reader should know of it.

        It is drawn from the label map that the file itself tells, or else its name; a version's number in the name
        ("P001_v2_labels", as exports were once called) is not believed.

        Args:
            scan_id: the scan that it belongs to.
            path: NIfTI, `.seg.nrrd` or a plain NRRD label map.
            otherwise: the version that it was drawn from where neither tells; None if from nothing.
            upon: the version to put it upon, whatever they tell.
            author: who drew it; by default the author of the settings.
            initiator: handed on in the announcement.

        Raises:
            ConflictError: a correction of the same version is there already; nothing was written. It names that one
                as `parent_id`.
            WorkbenchError: no such scan; the file does not fit it (`read_label_file`), equals what it was drawn from or
                another version drawn from that, or was written for another scan; that version is kept from the reader.
        """
        self._refuse_other_scan(scan_id, path)
        incoming = self.read(scan_id, path)
        mark = incoming.drawn_from or _mark_in(path)
        if not mark and upon is None and self._has_earlier_name(path):
            raise WorkbenchError(
                f"{path.name} was not taken: versions may be numbered anew, so its name does not tell which it is of.",
                "Say what to put it upon (--parent), or rename it to put it upon the version that is shown.",
            )
        parent_id = upon if upon is not None else _number_of(mark) if mark else otherwise
        if parent_id is not None:
            self._refuse_other_parent(scan_id, path, parent_id)
        for row in self._review.annotations(scan_id):
            near = parent_id is not None and parent_id in (row.id, row.parent_id)
            if near and np.array_equal(self._study.store.get(row.labels_key).voxels, incoming.labels.voxels):
                raise WorkbenchError(
                    f"{path.name} is the same as version {row.version}: nothing changed, no version was made.",
                    "If you drew in it, check that it was saved under this name.",
                )
        try:
            row = self._review.save(scan_id, parent_id, incoming.labels, author, f"from {path.name}", initiator)
        except ConflictError as error:
            raise ConflictError(
                f"{path.name} was not taken: {error.message}",
                "Look at that version first; then name it as the one to put this upon (--parent).",
                parent_id,
            ) from error
        return row, (*incoming.notes, *self._much_less(parent_id, incoming.labels))

    def _much_less(self, parent_id: int | None, labels: Volume) -> tuple[str, ...]:
        """What a reader should know of a label map that came back with less than half of what left."""
        if parent_id is None:
            return ()
        before = np.count_nonzero(self._study.store.get(self._review.annotation(parent_id).labels_key).voxels)
        share = np.count_nonzero(labels.voxels) / max(1, before)
        if share >= _LEAST_SHARE:
            return ()
        return (f"It holds {100 * share:.0f} % of the labelled volume that it was drawn from: was all of it saved?",)

    def read(self, scan_id: int, path: Path) -> Incoming:
        """A file, checked against its scan; nothing is written.

        Raises:
            WorkbenchError: no such scan, or the file does not fit it.
        """
        with self._study.database.reading() as session:
            scan = session.get(Scan, scan_id)
        if scan is None:
            raise WorkbenchError(f"There is no scan {scan_id} in this study.")
        return read_label_file(path, self._study.store.grid(scan.image_key), load_scheme(self._study.scheme))

    def _refuse_other_parent(self, scan_id: int, path: Path, parent_id: int) -> None:
        """A file was drawn from a label map of its own scan that its reader may see."""
        try:
            parent = self._review.annotation(parent_id)
        except WorkbenchError as error:
            raise WorkbenchError(f"{path.name} was not taken: {error.message}", error.remedy or _OTHER_STUDY) from error
        if parent.scan_id != scan_id:
            names = self._names()
            raise WorkbenchError(
                f"{path.name} was drawn from a label map of {names[parent.scan_id]}, not of {names.get(scan_id)}.",
                "Take it back into that scan.",
            )

    def _has_earlier_name(self, path: Path) -> bool:
        """Whether a file is called as exports once were, after a scan of this study."""
        named = None if _EXPORTED.match(path.name) else _EXPORTED_EARLIER.match(path.name)
        return named is not None and named[1] in self._names().values()

    def _names(self) -> dict[int, str]:
        """What the files of each scan are called, by its number."""
        with self._study.database.reading() as session:
            query = select(Scan.id, Subject.code).join(Subject).order_by(Subject.code, Scan.id)
            rows = session.execute(query).tuples().all()
        return dict(zip([scan for scan, _ in rows], file_names([code for _, code in rows]), strict=True))

    def _refuse_other_scan(self, scan_id: int, path: Path) -> None:
        """Scans of one protocol can share a grid: then the name alone tells whose label map it is."""
        named, names = _EXPORTED.match(path.name) or _EXPORTED_EARLIER.match(path.name), self._names()
        if named is not None and named[1] != names.get(scan_id) and named[1] in names.values():
            raise WorkbenchError(
                f"{path.name} was written for {named[1]}, not for {names.get(scan_id, scan_id)}.",
                "Name that subject, or rename the file if its name misleads.",
            )


def _mark_in(path: Path) -> str:
    """What the name of an exported file tells of its origin: "a17", "nothing", or "" if it tells nothing."""
    found = _EXPORTED.match(path.name)
    return "" if found is None else found[2] or NOTHING


def _number_of(mark: str) -> int | None:
    """The label map of a mark, by its number in the study; None for one that was drawn from nothing."""
    return int(mark.removeprefix("a")) if mark.removeprefix("a").isdecimal() else None
