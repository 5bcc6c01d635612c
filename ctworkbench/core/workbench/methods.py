"""The methods room: checklists filled from the study, the authors' own text, and warnings of what does not add up."""

import json
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ctworkbench.core.errors import ConflictError, StudyError
from ctworkbench.core.files import replace_text
from ctworkbench.core.methods import checklist, writing
from ctworkbench.core.methods.checklist import AuthorText
from ctworkbench.core.methods.checks import VOLUME_CHECKS, check, kept
from ctworkbench.core.methods.facts import StudyFacts
from ctworkbench.core.methods.soundness import SoundnessWarning
from ctworkbench.core.methods.writing import MethodsReport
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes, VolumeRow
from ctworkbench.core.workbench.study_facts import significance_tests, study_facts, volume_facts

TEXT_FILE = "methods.toml"


class MethodsRoom:
    """What a paper about this study must say, and what it should not."""

    def __init__(self, study: OpenStudy, name: str) -> None:
        self._study = study
        self._name = name

    def facts(self, source: str = CURRENT) -> StudyFacts:
        """The study as plain facts; see `study_facts.study_facts`."""
        return study_facts(self._study, self._name, source)

    def warnings(self, source: str = CURRENT) -> list[SoundnessWarning]:
        """What does not add up in the study, heaviest first."""
        return check(self.facts(source))

    def report(self, source: str = CURRENT) -> MethodsReport:
        """Checklists, warnings and what is kept by the program, from one reading of the study.

        Raises:
            WorkbenchError: an unknown source, or a file of the authors' text that cannot be read.
        """
        facts = self.facts(source)
        warnings = check(facts)
        facts = replace(facts, findings=tuple(warning.title for warning in warnings))
        filled = [
            checklist.fill(checklist.load(name), facts, author_texts(self._study, name)) for name in checklist.names()
        ]
        return MethodsReport(
            study=self._name,
            program=f"CT Workbench {facts.program}",
            made=f"{datetime.now(UTC).astimezone():%Y-%m-%d %H:%M}",
            source=source,
            scans=len(facts.scans),
            checklists=tuple(filled),
            warnings=tuple(warnings),
            kept=tuple(kept(facts)),
        )

    def write(
        self,
        name: str,
        number: str,
        text: str,
        applies: bool = True,
        seen: AuthorText | None = None,
        initiator: object = None,
    ) -> AuthorText:
        """Keep the authors' text of one item in the study; an empty one that applies takes it away.

        Args:
            name: of the checklist, such as "claim2024".
            number: of the item.
            text: what the authors say; for an item that does not apply, why.
            applies: False says that the item does not apply.
            seen: what stood there when the writing began; another text that came meanwhile is not written over.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: no such checklist or item.
            ConflictError: somebody else wrote the same item meanwhile.
            StudyError: the file cannot be read or written.
        """
        checklist.load(name).item(number)
        study = self._study
        wanted = AuthorText(_clean(text), applies)
        with study.deciding():
            every = {other: author_texts(study, other) for other in checklist.names()}
            there = every[name].get(number, AuthorText())
            if seen is not None and there not in (seen, wanted):
                raise ConflictError(
                    f"Item {number} was written by somebody else meanwhile.",
                    "Your text is kept in the window: compare it with theirs, then save again.",
                )
            every[name] = {**every[name], number: wanted}
            try:
                replace_text(study.folder / TEXT_FILE, _toml(every))
            except OSError as error:
                raise StudyError(
                    f"{study.folder / TEXT_FILE} cannot be written: {error.strerror}.",
                    "Free some space, or check the rights.",
                ) from error
        with study.database.writing() as session:
            study.audit(
                session, "write methods", f"{name} {number}", {"characters": len(wanted.text), "applies": applies}
            )
        study.announce(Changes(methods=True), initiator)
        return wanted

    def export(self, out: Path, report: MethodsReport | None = None) -> list[Path]:
        """Write checklists and warnings to a folder; the paths.

        Args:
            out: the folder; made where it is missing.
            report: what to write; read from the study now by default.

        Raises:
            WorkbenchError: the study's text cannot be read.
            StudyError: the folder cannot be written.
        """
        return writing.write(report or self.report(), out)


def author_texts(study: OpenStudy, name: str) -> dict[str, AuthorText]:
    """What the authors wrote for a checklist, by number of the item.

    Raises:
        StudyError: the file cannot be read.
    """
    path = study.folder / TEXT_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        rows: dict[str, dict[str, object]] = content.get(name, {})
        return {
            number: AuthorText(str(row.get("text", "")), bool(row.get("applies", True))) for number, row in rows.items()
        }
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError, OSError) as error:
        raise StudyError(f"{path} cannot be read: {error}", "Mend the file, or restore it from a backup.") from error


def volume_notes(
    study: OpenStudy,
    rows: Sequence[VolumeRow],
    coefficients: Sequence[object],
    hemispheres: Sequence[object],
) -> list[str]:
    """What a table of volumes must say of itself, one note a warning; what its own module says is not said twice."""
    facts = volume_facts(study, rows, significance_tests(coefficients, hemispheres))
    return [warning.sentence for warning in check(facts, VOLUME_CHECKS)]


def _toml(every: Mapping[str, Mapping[str, AuthorText]]) -> str:
    """The authors' texts as TOML; a JSON string without control characters is a TOML string."""
    lines = ["# The authors' own text for the items of reporting checklists; written by CT Workbench."]
    for name, texts in every.items():
        for number, text in texts.items():
            if text != AuthorText():
                lines += ["", f"[{name}.{json.dumps(number)}]", f"text = {json.dumps(text.text, ensure_ascii=False)}"]
                lines += [] if text.applies else ["applies = false"]
    return "\n".join(lines) + "\n"


def _clean(text: str) -> str:
    """A text without what TOML and Word refuse: control characters and halves of surrogates."""
    plain = text.replace("\r\n", "\n")
    return "".join(sign for sign in plain if sign in "\n\t" or not unicodedata.category(sign).startswith("C")).strip()
