"""Who trains, who validates, who is kept for the test: always by subject, never by scan.

Order is decided by a hash of seed and subject code, so the same cohort is split in the same way on every machine and
with every version of every library, in whatever order the subjects were imported.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from ctworkbench.core.errors import WorkbenchError

Role = Literal["train", "validation", "test"]

FRACTIONS: Mapping[Role, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}


def split_subjects(
    subjects: Iterable[str],
    seed: int,
    fractions: Mapping[Role, float] = FRACTIONS,
    learners: Collection[str] = (),
) -> dict[str, Role]:
    """Give every subject one role; sizes are the fractions rounded, with one subject at least for every role.

    Args:
        subjects: subject codes; repeats (several scans of one child) count once.
        seed: another seed, another split.
        fractions: share of each role; must be positive and sum to 1.
        learners: subjects that must train, such as those a template is drawn on: the labels of all others go back to
            their anatomy, which would then be tested on itself. The others get what is left, the shares as they were.

    Raises:
        WorkbenchError: fewer subjects than roles, fractions that do not sum to 1, or too few beside the learners.
    """
    if any(share <= 0 for share in fractions.values()) or abs(sum(fractions.values()) - 1) > 1e-6:
        raise WorkbenchError(f"The shares of a split must be positive and sum to 1, not {dict(fractions)}.")
    order = sorted(_shuffled(subjects, seed), key=lambda code: code not in learners)
    if len(order) < len(fractions):
        raise WorkbenchError(
            f"{len(order)} subjects cannot be split into {' / '.join(fractions)}.",
            f"Accept the labels of {len(fractions)} subjects or more.",
        )
    sizes: dict[Role, int] = {role: max(1, round(share * len(order))) for role, share in fractions.items()}
    while sum(sizes.values()) != len(order):  # rounding: give to, or take from, the role that is furthest off its share
        step = 1 if sum(sizes.values()) < len(order) else -1
        able: list[Role] = [role for role in sizes if sizes[role] + step >= 1]
        off: dict[Role, float] = {role: step * (fractions[role] * len(order) - sizes[role]) for role in able}
        sizes[max(able, key=off.__getitem__)] += step
    held = len(set(order) & set(learners))
    others: list[Role] = [role for role in sizes if role != "train"]
    if len(order) - held < len(others):
        raise WorkbenchError(
            f"{len(order) - held} of {len(order)} subjects may be kept from the training: a template is drawn on "
            "each of the others.",
            f"Accept the labels of {len(others)} subjects or more that no template is drawn on.",
        )
    while sizes["train"] < held:
        sizes[max(others, key=sizes.__getitem__)] -= 1
        sizes["train"] += 1
    roles: list[Role] = [role for role in ("train", *others) for _ in range(sizes[role])]
    return dict(sorted(zip(order, roles, strict=True)))


def folds(subjects: Iterable[str], k: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Deal the subjects into `k` groups whose sizes differ by one at most; fold i validates on group i.

    Raises:
        WorkbenchError: fewer than two folds, or fewer subjects than folds.
    """
    order = _shuffled(subjects, seed)
    if k < 2 or len(order) < k:
        raise WorkbenchError(
            f"{len(order)} subjects cannot be dealt into {k} folds.",
            f"Accept the labels of {max(k, 2)} subjects or more.",
        )
    return tuple(tuple(sorted(order[start::k])) for start in range(k))


def some_subjects(subjects: Iterable[str], most: int) -> list[str]:
    """At most `most` of the subjects, the same ones wherever and with whomever they are asked for."""
    return _shuffled(subjects, 0)[:most]


def _shuffled(subjects: Iterable[str], seed: int) -> list[str]:
    """Each subject once, in an order that depends on nothing but the seed and the codes."""
    return sorted(set(subjects), key=lambda code: hashlib.sha256(f"{seed}:{code}".encode()).digest())
