"""What automatic checks say of a label map, from where on it is worth a look, and the one number that ranks a list.

A finding is never a verdict: it tells a reader where to look. All limits stand here, each with its reason; what good
label maps of phantoms scatter, and how it was measured, stands in docs/review.md.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

MOST = 3.0
"""Highest level: what is far beyond its limit is not worse than that, so that one number cannot outweigh all others."""
_BELOW_WRONG = 1.99


class Severity(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    LOOK = "look"
    WRONG = "wrong"
    NOT_DONE = "not done"


class Limit(NamedTuple):
    """From which value on a check speaks.

    Attributes:
        look: where a reader had better look.
        wrong: what no sound label map of a head has; smaller than `look` where small values are the bad ones.
        best: what sound label maps have in the middle; nothing is counted up to there.
        reason: where the two come from.
    """

    look: float
    wrong: float
    best: float
    reason: str

    def level(self, value: float) -> float:
        """The value on the scale of all checks: 0 up to the best, 1 from where to look, 2 where wrong, 3 at most."""
        side = 1.0 if self.wrong > self.look else -1.0
        beyond = side * (value - self.look)
        if beyond >= 0:
            return min(MOST, 1.0 + beyond / abs(self.wrong - self.look))
        return max(0.0, 1.0 + beyond / max(1e-9, abs(self.look - self.best)))


class Finding(NamedTuple):
    """What one check found, of one region or of the whole label map.

    Attributes:
        check: name of the check.
        region: name of the region; "" for the whole label map.
        value: what was measured; unit: in what.
        severity: how much it matters.
        level: the value on the scale of all checks, 0 to 3; see `Limit.level`.
        sentence: for the reader: region, and size of what was found.
        where: a place to look at, RAS+ mm; None where there is none.
    """

    check: str
    region: str
    value: float
    unit: str
    severity: Severity
    level: float
    sentence: str
    where: tuple[float, float, float] | None = None


def judged(
    check: str,
    limit: Limit,
    value: float,
    unit: str,
    sentence: str,
    region: str = "",
    where: tuple[float, float, float] | None = None,
    at_most_look: bool = False,
) -> Finding:
    """A finding whose severity follows from its limit.

    Args:
        check: name of the check.
        limit: from where on it speaks.
        value: what was measured.
        unit: in what.
        sentence: for the reader.
        region: name of the region; "" for the whole label map.
        where: a place to look at, RAS+ mm.
        at_most_look: whether the value alone can never show that something is wrong.
    """
    level = min(limit.level(value), _BELOW_WRONG if at_most_look else MOST)
    severity = Severity.WRONG if level >= 2 else Severity.LOOK if level >= 1 else Severity.OK
    return Finding(check, region, value, unit, severity, level, sentence, where)


def risk(findings: Iterable[Finding]) -> float:
    """One number that ranks label maps: the gravest severity first, then how much there is of everything.

    200 if anything is wrong, 100 if anything is worth a look, else 0; and to that the level of each check's worst
    finding, added up. A check counts once, however many regions it names: ten regions that one shift moved are one
    fault.
    """
    worst: dict[str, float] = {}
    gravest = 0
    for finding in findings:
        if finding.severity is Severity.NOT_DONE:
            continue
        worst[finding.check] = max(worst.get(finding.check, 0.0), finding.level)
        gravest = max(gravest, {Severity.OK: 0, Severity.LOOK: 1, Severity.WRONG: 2}[finding.severity])
    return 100.0 * gravest + min(99.0, sum(worst.values()))


# The limits. They come from anatomy and from what sound label maps scatter: twelve of six phantoms (`ctworkbench
# phantom --n 6 --seed 41`), the registered ones ("quick") and the true ones, which are drawn as an expert draws, along
# the gyri. The level is 0 at their median; "sound" below is the largest value of the twelve. To look begins at twice
# that, or where anatomy says if that is more.
MISSING = Limit(4.0, 0.5, 14.0, "cm³; the brainstem, the smallest region, has 5 cm³ at birth and 14 to 17 at two years")
PIECES = Limit(1.2, 5.0, 0.0, "cm³ apart from the largest piece; sound 0.6, tips of gyri; 5 is a third of a brainstem")
HOLES = Limit(0.5, 10.0, 0.0, "cm³ of brain; sound 0.1; a ball of 1 cm across, which the eye finds in one slice")
LEAK = Limit(6.0, 15.0, 0.0, "cm³; sound 2.8, around the foramen magnum; 15 is a whole brainstem")
LEAK_HARD = Limit(0.4, 5.0, 0.0, "cm³ in bone or air, where no brain is; sound 0.2")
SIDES = Limit(3.0, 25.0, 0.2, "%; sound 0.4; a falx may bend by 5 mm and more; 25 is half of one of the two regions")
SHIFT = Limit(3.0, 8.0, 0.4, "mm; sound 1.2; half a slice of 5 mm and the rest; 8 is more than any slice of a head CT")
COVERAGE = Limit(5.0, 15.0, 1.1, "% of brain; sound 2.3; the smallest lobes have 6 % each")
FLUID = Limit(7.5, 20.0, 2.6, "% of labels; sound 3.8, sulci; a child's ventricles have 1 to 3 % of the brain more")
VENTRICLES = Limit(50.0, 80.0, 15.0, "%; sound 26, their rim, which partial volume leaves open; half is no rim")
SIMILARITY = Limit(0.35, 0.15, 0.48, "correlation; sound 0.43 to 0.53 by quick, else more; a wrong pose has about 0")
POSE = Limit(0.6, 0.4, 0.72, "score; sound 0.69 to 0.74; the registration itself warns below 0.6")
FOLDING = Limit(0.1, 2.0, 0.0, "% of the brain; sound 0: a diffeomorphism does not fold")
STIFFNESS = Limit(0.2, 0.02, 0.95, "range of local volume change; sound 0.86 to 1.14 by quick, else more; 0: an affine")
DISAGREEMENT = Limit(0.7, 0.4, 0.84, "Dice; either machine agrees with the truth by 0.7 or more in every region")
ROUGHNESS = Limit(32.0, 48.0, 13.8, "surface / volume^⅔; sound 16, true gyri at 1 mm; a cube has 6, a smooth lobe 12")
EDGE = Limit(2.0, 100.0, 0.0, "cm²; the cord has 1 to 1.5 cm² in section and may leave the scan")
# What networks say of themselves. How sure they are hangs on how they were trained, so anatomy has no limit to give: to
# look begins where a voxel is on average a toss between regions. Wrong is never reached: who wavers may be right.
UNCERTAIN = Limit(29.0, 100.0, 8.0, "%; one of two regions at even odds has 29; the starter 8, the demo's network 22")
UNCERTAIN_REGION = Limit(46.0, 100.0, 8.0, "%; one of three at even odds has 46; the demo's brainstems, all border, 38")
# Of z, three times the scatter; wrong is never reached: a child may be so.
Z = Limit(3.0, 8.0, 0.7, "SD; volumes of the sound ones scatter by 0.9 SD of the norm, those of a cohort by 1")
ASYMMETRY_Z = Limit(6.0, 16.0, 1.4, "SD of the norm; registration makes sides differ by 2.1 of them, readers by 0.9")
