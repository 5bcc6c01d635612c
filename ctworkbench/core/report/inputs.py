"""What a report shows."""

from dataclasses import dataclass, field

from ctworkbench.core import schemes
from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.norms.child import Child
from ctworkbench.core.volume import Volume


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report shows.

    Attributes:
        child: the child's numbers, with what they leave open.
        image: HU on the scan's own grid.
        labels: uint8 label map on the same grid.
        facts: (title, value) lines of the subject: code, sex, age.
        acquisition: (title, value) lines of the scan: scanner, slices, kernel, series.
        provenance: (title, value) lines of the labels: model or registration run, code version, verdict.
        warnings: sentences about this scan, the gravest first; what `measure.check` finds wrong with the labels goes
            before them.
        phantom: whether no patient was scanned.
        program: name and version of the program.
        norm: what the child is compared with.
    """

    child: Child
    image: Volume
    labels: Volume
    facts: tuple[tuple[str, str], ...] = ()
    acquisition: tuple[tuple[str, str], ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    phantom: bool = False
    scheme: str = schemes.DEFAULT
    program: str = "CT Workbench"
    norm: Norm = field(default_factory=published_norm)

    @property
    def in_norm(self) -> bool:
        """Whether the norm says anything of this child."""
        return self.child.refusal is None
