"""Words that all texts for people share."""

import pytest

from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import SOURCE_TITLES, count, label_map, signed
from ctworkbench.core.workbench.volumes import nothing_measured


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("right_frontal", "right frontal lobe"),
        ("frontal", "frontal lobe"),
        ("brainstem", "brainstem"),
        ("total", "total"),
    ],
)
def test_that_regions_and_pairs_are_called_by_their_titles_in_sentences(name: str, told: str) -> None:
    assert spoken(name) == told


@pytest.mark.parametrize(("number", "told"), [(0, "0 scans"), (1, "1 scan"), (2, "2 scans"), (1487, "1,487 scans")])
def test_that_a_number_has_its_noun(number: int, told: str) -> None:
    assert count(number, "scan") == told


@pytest.mark.parametrize(("value", "told"), [(-1.94, "−1.9"), (0.04, "0.0"), (2.0, "+2.0"), (None, "—")])
def test_that_signs_are_true_signs(value: float | None, told: str) -> None:
    assert signed(value, 1) == told


def test_that_a_source_is_told_in_peoples_words() -> None:
    assert label_map("current") == "label map"
    assert label_map("model") == "label map by a model"
    told = {source: str(nothing_measured(source)) for source in SOURCE_TITLES}
    assert told["current"].startswith("No label map was measured yet.")
    assert told["registration"].startswith("No label map by registration was measured yet.")
    assert not any("source" in text or "'" in text for text in told.values())
