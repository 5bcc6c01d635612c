"""The templates of a study: the bundled one, and those that its experts have drawn."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Preprocessing, Role, Scan, Subject, Template, TemplateChoice, Verdict
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.template_library import AVERAGE_TEMPLATE, TemplateFiles, average_template, children
from ctworkbench.core.template_making import make_template
from ctworkbench.core.workbench.current import annotation_rows, last_verdicts
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes, TemplateRow

BUNDLED_TEMPLATE = AVERAGE_TEMPLATE
FUSED = "several templates, fused"
_LONGEST_NAME = 100


class PooledTemplate(NamedTuple):
    """A template to choose from, and whom it was made of: the subject is None for one of the program."""

    row: Template
    subject_id: int | None
    sex: str | None
    age_years: float | None


class TemplatesRoom:
    """Templates are added and chosen; what was labelled with one keeps its name and its images."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def templates(self) -> list[TemplateRow]:
        """All templates: the bundled average, the bundled children, then those that the study's experts have drawn.

        Versions are told as the reader counts them; of one that is kept from a blinded reader, its subject alone.
        """
        with self._study.database.reading() as session:
            chosen = _chosen(session)
            reader = self._study.settings.author
            rows = [_row(session, one, reader) for one in session.scalars(select(Template).order_by(Template.id))]
        taken = {row.name: row for row in rows if row.annotation_id is None}
        shipped = [
            replace(taken.pop(one.name, TemplateRow(None, one.name)), sex=one.sex or "", age_years=one.age_years)
            for one in _shipped()
        ]
        drawn = [row for row in rows if row.annotation_id is not None or row.name in taken]
        in_use = shipped[0].id if chosen is None else chosen
        listed = [row.marked(row.id == in_use and row.id is not None) for row in (*shipped, *drawn)]
        return listed if any(row.in_use for row in listed) else [listed[0].marked(True), *listed[1:]]

    def add(self, annotation_id: int, name: str, initiator: object = None) -> TemplateRow:
        """Make a version of a label map a template; it is registered once it is chosen (`use`).

        Args:
            annotation_id: a version in which every region is drawn.
            name: what the template is called; no other may have it.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: the name is taken or empty, the scan is not preprocessed or of the test set, the version
                was rejected, or it cannot serve (`make_template`).
        """
        study, name = self._study, name.strip()
        if not name or len(name) > _LONGEST_NAME:
            raise WorkbenchError(f"A template's name has 1 to {_LONGEST_NAME} characters.", "Give it another name.")
        with study.database.reading() as session:
            annotation = session.get(Annotation, annotation_id)
            if annotation is None:
                raise WorkbenchError(f"There is no label map {annotation_id} in this study.")
            reader = study.settings.author
            seen = annotation_rows(session, [annotation.scan_id], reader).get(annotation.scan_id, [])
            shown = next((row for row in seen if row.id == annotation_id), None)
            if shown is None:
                raise WorkbenchError(
                    f"The label map {annotation_id} is another reader's, and is kept from {reader}.",
                    "Give your own verdict on this scan first.",
                )
            newest = select(Preprocessing).where(Preprocessing.scan_id == annotation.scan_id)
            ready = session.scalars(newest.order_by(Preprocessing.id.desc()).limit(1)).first()
            query = select(Subject).join(Scan, Scan.subject_id == Subject.id).where(Scan.id == annotation.scan_id)
            subject = session.scalars(query).one()
            verdict, _ = last_verdicts(session, [annotation.scan_id]).get(annotation_id, (None, False))
        self._refuse_taken(name)
        what = f"Version {shown.version} of {subject.code}"
        if ready is None:
            raise WorkbenchError(f"{subject.code} is not preprocessed.", "Run Preprocess first.")
        _refuse_test(subject)
        if verdict is Verdict.REJECT:
            raise WorkbenchError(f"{what} was rejected.", "Choose another version, or correct it.")
        image, inside = study.store.get(ready.image_key), study.store.get(ready.brain_key)
        made = make_template(image, inside, study.store.get(annotation.labels_key), load_scheme(study.scheme))
        labels_key, mask_key = study.store.put(made.labels), study.store.put(made.mask)
        with study.database.writing() as session:
            twin = session.scalar(
                select(Template).where(
                    Template.image_key == ready.image_key,
                    Template.labels_key == labels_key,
                    Template.mask_key == mask_key,
                )
            )
            if twin is not None:
                raise WorkbenchError(f"{what} is the template {twin.name!r} already.", "Use that one.")
            template = Template(
                name=name,
                annotation_id=annotation_id,
                image_key=ready.image_key,
                labels_key=labels_key,
                mask_key=mask_key,
            )
            session.add(template)
            session.flush()
            told = {"name": name, "annotation": annotation_id}
            study.audit(session, "add template", f"template {template.id}", told, annotation.scan_id)
            row = _row(session, template, reader)
        study.announce(Changes(annotations=True), initiator)
        return row

    def use(self, name: str, initiator: object = None) -> TemplateRow:
        """Let labels be carried from this template from now on.

        Raises:
            WorkbenchError: there is none of that name, or it is drawn on a subject of the test set.
        """
        study, template = self._study, self.named(name)
        with study.database.writing() as session:
            drawn_on = session.scalar(
                select(Subject)
                .join(Scan, Scan.subject_id == Subject.id)
                .join(Annotation, Annotation.scan_id == Scan.id)
                .where(Annotation.id == template.annotation_id)
            )
            if drawn_on is not None:
                _refuse_test(drawn_on)
            session.add(TemplateChoice(template_id=template.id, author=study.settings.author))
            study.audit(session, "use template", f"template {template.id}", {"name": template.name})
        study.announce(Changes(annotations=True), initiator)
        with study.database.reading() as session:
            return _row(session, template, study.settings.author).marked(True)

    def named(self, name: str | None = None) -> Template:
        """The template of a name, or the one in use; the bundled one is taken in when it is first needed.

        Raises:
            WorkbenchError: there is none of that name.
        """
        with self._study.database.reading() as session:
            if name is None:
                chosen = _chosen(session)
                template = None if chosen is None else session.get(Template, chosen)
            else:
                query = select(Template).where(Template.name == name).order_by(Template.id.desc())
                template = session.scalars(query).first()
            if template is None and name is None:
                template = session.scalars(_bundled()).first()
        if template is not None:
            return template
        wanted = name or BUNDLED_TEMPLATE
        files = next((one for one in _shipped() if one.name == wanted), None)
        if files is None:
            there = ", ".join(row.name for row in self.templates())
            raise WorkbenchError(f"There is no template {name!r} in this study.", f"It has: {there}.")
        return self._take_in(files)

    def pool(self, names: Sequence[str] = ()) -> list[PooledTemplate]:
        """The templates that a preset which fuses several chooses from; the bundled ones are taken in when needed.

        Args:
            names: these alone; by default the children that are shipped, and those drawn on subjects that are not of
                the test set, for whose anatomy must be in no label of a training.

        Raises:
            WorkbenchError: there is none of a name.
        """
        sexes = {one.name: (one.sex, one.age_years) for one in _shipped()}
        with self._study.database.reading() as session:
            query = select(Template, Subject, Scan.age_years)
            query = query.join(Annotation, Annotation.id == Template.annotation_id)
            query = query.join(Scan, Scan.id == Annotation.scan_id).join(Subject, Subject.id == Scan.subject_id)
            drawn = {row.id: (subject, age) for row, subject, age in session.execute(query.order_by(Template.id))}
            theirs = {row.id: row for row in session.scalars(select(Template).where(Template.id.in_(drawn)))}
        if names:
            found = [self.named(name) for name in dict.fromkeys(names)]
        else:
            found = [self.named(one.name) for one in children()]
            found += [theirs[number] for number, (subject, _age) in drawn.items() if subject.role is not Role.TEST]
        pooled: list[PooledTemplate] = []
        for row in found:
            subject, age = drawn.get(row.id, (None, None))
            if subject is not None:
                _refuse_test(subject)
                pooled.append(PooledTemplate(row, subject.id, subject.sex, age))
            else:
                pooled.append(PooledTemplate(row, None, *sexes.get(row.name, (None, None))))
        return pooled

    def scan_of(self, template: Template) -> int | None:
        """The scan that a template was drawn on; None for the bundled one."""
        if template.annotation_id is None:
            return None
        with self._study.database.reading() as session:
            return session.scalar(select(Annotation.scan_id).where(Annotation.id == template.annotation_id))

    def _take_in(self, files: TemplateFiles) -> Template:
        """A bundled template, with its images put into the study."""
        study = self._study
        keys = [study.store.put_file(file) for file in (files.image, files.labels, files.mask)]
        with study.database.writing() as session:
            template = Template(name=files.name, image_key=keys[0], labels_key=keys[1], mask_key=keys[2])
            session.add(template)
        return template

    def _refuse_taken(self, name: str) -> None:
        if any(row.name == name for row in self.templates()):
            raise WorkbenchError(f"There is a template {name!r} already.", "Give this one another name.")


def _shipped() -> tuple[TemplateFiles, ...]:
    """The templates of the program, the average first."""
    return (average_template(), *children())


def _bundled() -> Select[Template]:
    """The average template of the program as older versions may have named it, newest first."""
    names = [one.name for one in children()]
    query = select(Template).where(Template.annotation_id.is_(None), Template.name.not_in(names))
    return query.order_by(Template.id.desc())


def templates_on(session: Session) -> dict[str, list[str]]:
    """By code of the subject the templates that are drawn on a scan of it, oldest first."""
    query = select(Subject.code, Template.name).join(Scan, Scan.subject_id == Subject.id)
    query = query.join(Annotation, Annotation.scan_id == Scan.id).join(
        Template, Template.annotation_id == Annotation.id
    )
    found: dict[str, list[str]] = {}
    for code, name in session.execute(query.order_by(Template.id)).tuples():
        found.setdefault(code, []).append(name)
    return found


def _refuse_test(subject: Subject) -> None:
    if subject.role is Role.TEST:
        raise WorkbenchError(
            f"{subject.code} is of the test set: its anatomy would be in the labels of every training.",
            "Choose a subject of another set.",
        )


def _chosen(session: Session) -> int | None:
    """The template that was chosen last; None where none ever was."""
    return session.scalar(select(TemplateChoice.template_id).order_by(TemplateChoice.id.desc()).limit(1))


def _row(session: Session, template: Template, reader: str) -> TemplateRow:
    """A template as a frozen row, as a reader may see it."""
    drawn_on = session.get(Annotation, template.annotation_id) if template.annotation_id is not None else None
    if drawn_on is None:
        return TemplateRow(template.id, template.name, created=template.created)
    subject = session.scalars(
        select(Subject.code).join(Scan, Scan.subject_id == Subject.id).where(Scan.id == drawn_on.scan_id)
    ).one()
    seen = annotation_rows(session, [drawn_on.scan_id], reader).get(drawn_on.scan_id, [])
    shown = next((row for row in seen if row.id == drawn_on.id), None)
    version, author = (shown.version, shown.author) if shown is not None else (None, "")
    return TemplateRow(template.id, template.name, drawn_on.id, subject, version, author, template.created)
