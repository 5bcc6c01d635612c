"""What the registration told of itself: how alike scan and carried template are, and whether the deformation folds."""

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import FOLDING, POSE, SIMILARITY, STIFFNESS, Finding, judged

TITLE = "registration"
NEEDS_HEAD = False


def find(case: CheckCase) -> list[Finding]:
    """The scores that stand with a registered label map; nothing for other label maps."""
    found: list[Finding] = []
    similarity = case.scores.get("similarity")
    if similarity is not None:
        said = f"scan and carried template correlate by {similarity:.2f}"
        found.append(judged("registration", SIMILARITY, float(similarity), "r", said))
    pose = case.scores.get("pose_score")
    if pose is not None:
        said = f"the first guess of the pose scored {pose:.2f} of 1"
        found.append(judged("registration", POSE, float(pose), "score", said))
    folding = case.scores.get("folding_fraction")
    if folding is not None:
        said = f"the deformation folds in {100 * folding:.2f} % of the brain"
        found.append(judged("registration", FOLDING, 100 * float(folding), "%", said))
    least, most = case.scores.get("jacobian_min"), case.scores.get("jacobian_max")
    if least is not None and most is not None:
        said = f"the deformation changes local volumes by {least:.2f} to {most:.2f}"
        if most - least < STIFFNESS.look:
            said = "the template was hardly deformed: its borders are those of another head"
        found.append(judged("registration", STIFFNESS, float(most - least), "", said))
    return found
