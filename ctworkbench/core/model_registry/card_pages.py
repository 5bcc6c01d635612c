"""A model's card as pages of a PDF: text, Dice by region, and the curves of its training."""

from pathlib import Path

from ctworkbench.core.card_document import CardDocument, written
from ctworkbench.core.model_registry.card import region_table, sections
from ctworkbench.core.model_registry.facts import ModelFacts

_COLORS = {"dice_train": "#2f6db5", "dice_validation": "#c2487a"}
_NAMES = {"dice_train": "training, changed images", "dice_validation": "validation"}


def write(facts: ModelFacts, out: Path) -> None:
    """Write the pages; the same bytes for the same model.

    Raises:
        OSError: the file cannot be written.
    """
    with written(out, facts.title, facts.title, f"Weights {facts.weights_sha256[:16]}") as document:
        document.text("model card", sections(facts), 0.2, 108)
        heading, rows = region_table(facts)
        if rows:
            document.headline("Dice by region", len(rows) + 4)
            places = [0.07 + 0.2 * column for column in range(len(heading))]
            for row in (heading, *rows):
                document.row(places, row, 7, bold=row is heading)
        document.end()
        if facts.history:
            _curves(facts, document)


def _curves(facts: ModelFacts, document: CardDocument) -> None:
    figure = document.page("curves of the training")
    loss, dice = figure.subplots(2, 1, gridspec_kw={"left": 0.1, "right": 0.95, "bottom": 0.45, "top": 0.93})
    epochs = [row.get("epoch", number + 1.0) for number, row in enumerate(facts.history)]
    loss.plot(epochs, [row.get("loss", float("nan")) for row in facts.history], color="black", linewidth=1)
    loss.set_ylabel("loss")
    for name, color in _COLORS.items():
        values = [row.get(name, float("nan")) for row in facts.history]
        dice.plot(epochs, values, color=color, linewidth=1, label=_NAMES[name])
    dice.set_ylabel("Dice, on the network's grid")
    dice.set_ylim(0, 1)
    dice.set_xlabel("epoch")
    dice.legend(fontsize=7, frameon=False)
    for axes in (loss, dice):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    document.add(figure)
