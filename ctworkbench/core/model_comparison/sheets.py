"""A comparison as tables: figures of each measure, tests of each measure, and every case for whoever wants to check."""

from ctworkbench.core.analysis.sheet import Cell, Column, TableSheet
from ctworkbench.core.model_comparison.measures import MEASURES, Measure
from ctworkbench.core.model_comparison.paired import TESTS, Estimate, Test, estimate
from ctworkbench.core.model_comparison.result import ComparisonResult
from ctworkbench.core.splits import Role
from ctworkbench.core.training import LABEL_KINDS, LabelKind

_SHORT: dict[LabelKind, str] = {"pseudo": "pseudo", "expert": "expert", "truth": "truth"}
_MEANING: dict[LabelKind, str] = {
    "pseudo": "agreement with the pseudo-labels of a registration, not accuracy",
    "expert": "accuracy against the labels of experts",
    "truth": "accuracy against the truth of digital phantoms",
}
_PARTS: dict[Role, str] = {"train": "training", "validation": "validation", "test": "final test"}


def figure_sheet(result: ComparisonResult, measure: Measure) -> TableSheet:
    """One measure: a row for each region and configuration; training beside held out, kinds of labels apart."""
    columns = [Column("region", "Region", "text"), Column("configuration", "Configuration", "text")]
    for kind in result.kinds:
        columns += _columns(result, measure, kind)
    rows: list[tuple[Cell, ...]] = []
    for region, region_title in result.regions.items():
        for place, title in enumerate(result.titles):
            cells: list[Cell] = []
            for kind in result.kinds:
                train = result.values(place, measure, region, "train", kind)
                cells += [len(train.of), train.mean]
                for part in result.parts:
                    values = result.values(place, measure, region, part, kind)
                    cells += [values.trainings, *_cells(estimate(list(values.of.values())))]
            rows.append((region_title, title, *cells))
    return TableSheet(
        f"figures_{measure.key}",
        measure.title,
        f"{measure.title} of {result.name}. {measure.meaning}; {measure.better} is better.",
        tuple(columns),
        tuple(rows),
        tuple(result.notes()),
    )


def _columns(result: ComparisonResult, measure: Measure, kind: LabelKind) -> list[Column]:
    """Training, then each held-out part, against one kind of labels."""
    against, digits = _SHORT[kind], measure.digits
    meaning = _MEANING[kind]
    found = [
        Column(
            f"{kind}_train_n", f"Train n, {against}", "count", meaning="Subjects of the training set", printed=False
        ),
        Column(f"{kind}_train", f"Train, {against}", digits=digits, meaning=f"Mean of the training set: {meaning}"),
    ]
    for part in result.parts:
        name, key = _PARTS[part].capitalize(), f"{kind}_{part}"
        found += [
            Column(
                f"{key}_trainings", "Trainings", "count", meaning="Trainings that were averaged first", printed=False
            ),
            Column(f"{key}_n", f"n, {against}", "count", meaning=f"Subjects of the {_PARTS[part]} set"),
            Column(key, f"{name}, {against}", digits=digits, meaning=f"Mean over subjects: {meaning}"),
            Column(f"{key}_sd", "SD", digits=digits, meaning="Between subjects, n − 1"),
            Column(
                f"{key}_low",
                "95 % from",
                digits=digits,
                meaning="95 % interval, bootstrap over subjects",
                until=f"{key}_high",
                print_title="95 % interval",
            ),
            Column(f"{key}_high", "to", digits=digits, meaning="95 % interval, bootstrap over subjects"),
        ]
    return found


def test_sheet(result: ComparisonResult, measure: Measure, test: Test) -> TableSheet:
    """Differences of one measure between all pairs of configurations, with their tests."""
    rows: list[tuple[Cell, ...]] = []
    for kind in result.kinds:
        for part in result.parts:
            for row in result.tests(measure, part, kind, test):
                found = row.difference
                numbers = (found.n, found.mean, found.low, found.high, row.statistic, row.p, row.p_holm, row.p_fdr)
                pair = (result.titles[row.first], result.titles[row.second])
                told = (result.regions[row.region], *pair, LABEL_KINDS[kind], _PARTS[part])
                rows.append((*told, *numbers, row.why))
    digits = measure.digits + 1
    return TableSheet(
        f"tests_{measure.key}",
        f"Tests of {measure.title}",
        f"Tests of {measure.title} in {result.name}. {TESTS[test]} over the same subjects, first minus second; "
        f"{measure.better} is better.",
        (
            Column("region", "Region", "text"),
            Column("first", "First", "text"),
            Column("second", "Second", "text"),
            Column("against", "Against", "text"),
            Column("set", "Set", "text"),
            Column("n", "n", "count", meaning="Subjects that both have"),
            Column("difference", "Difference", digits=digits, meaning="Mean over subjects, first minus second"),
            Column(
                "low", "95 % from", digits=digits, until="high", print_title="95 % interval", meaning="95 % interval"
            ),
            Column("high", "to", digits=digits, meaning="95 % interval, bootstrap over subjects"),
            Column("statistic", "W" if test == "wilcoxon" else "t", digits=2, meaning=f"Of the {TESTS[test]}"),
            Column("p", "p", "p", meaning="Two-sided, not corrected"),
            Column("p_holm", "p (Holm)", "p", meaning="Corrected: chance of any false find"),
            Column("p_fdr", "p (FDR)", "p", meaning="Corrected: share of false ones among the finds"),
            Column("why", "No p because", "text"),
        ),
        tuple(rows),
        tuple(result.notes(test)),
    )


def sentences(sheet: TableSheet, region: str, against: str) -> list[str]:
    """What a sheet of tests says of one region against one kind of labels, a sentence for each pair of configurations.

    Args:
        sheet: of `test_sheet`.
        region: as its rows name it.
        against: the kind of labels, likewise.
    """
    places = {column.key: place for place, column in enumerate(sheet.columns)}
    rows = [row for row in sheet.rows if (row[places["region"]], row[places["against"]]) == (region, against)]
    last = rows[-1][places["set"]] if rows else ""  # the final test, where there was one
    found: list[str] = []
    for row in rows:
        if row[places["set"]] != last:
            continue
        told = {key: sheet.columns[place].text(row[place]) for key, place in places.items()}
        tested = f"p (Holm) {told['p_holm']}" if row[places["p_holm"]] is not None else f"no p: {told['why']}"
        interval = f" (95 % {told['low']} to {told['high']})" if row[places["low"]] is not None else ""
        found.append(
            f"{told['first']} minus {told['second']}: {told['difference']}{interval}, {tested}, n = {told['n']}, {last}"
        )
    return found


def case_sheet(result: ComparisonResult) -> TableSheet:
    """Every figure of every case of every training, as it was measured; its rows are not independent."""
    rows: list[tuple[Cell, ...]] = []
    for run in result.runs:
        before = (result.titles[run.configuration], run.model_id, run.repeat + 1, run.fold, run.seed)
        for case in run.figures:
            told = (_PARTS[case.part], LABEL_KINDS[case.label_kind], case.subject)
            for region, scores in case.regions.items():
                numbers = (scores.dice, scores.surface_dice, scores.hd95_mm, scores.volume_error_percent)
                rows.append((*before, *told, region, *numbers))
    return TableSheet(
        "cases",
        "Cases",
        f"Cases of {result.name}. Rows of one subject are not independent: average them before any test.",
        (
            Column("configuration", "Configuration", "text"),
            Column("model", "Model", "count"),
            Column("repeat", "Repeat", "count"),
            Column("fold", "Fold", "count"),
            Column("seed", "Seed", "count"),
            Column("set", "Set", "text"),
            Column("against", "Against", "text"),
            Column("subject", "Subject", "text"),
            Column("region", "Region", "text"),
            Column("dice", "Dice", digits=3),
            Column("surface_dice", "Surface Dice at 1 mm", digits=3),
            Column("hd95_mm", "HD95 (mm)"),
            Column("volume_error_percent", "Volume error (%)", meaning="Signed: above 0 the network's is larger"),
        ),
        tuple(rows),
    )


def all_sheets(result: ComparisonResult, test: Test) -> list[TableSheet]:
    """Figures and tests of every measure."""
    figures = [figure_sheet(result, measure) for measure in MEASURES]
    return [*figures, *(test_sheet(result, measure, test) for measure in MEASURES)]


def _cells(found: Estimate) -> tuple[Cell, ...]:
    return (found.n, found.mean, found.sd, found.low, found.high)
