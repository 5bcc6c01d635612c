"""How many children a study needs; a study is opened only for its norm."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.cli.terminal import Grammar, open_study, say
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.analysis.power import Level, SampleSize
    from ctworkbench.core.norms import Norm


def add(grammar: Grammar) -> None:
    """Add the command and its four designs."""
    top = grammar.command("power", _two_groups, "how many children a study needs, or what n children can show")
    designs = top.add_subparsers(title="designs", required=True, metavar="DESIGN")

    entry = designs.add_parser("two-groups", help="two independent groups, t-test")
    _add_effect(entry, "difference of means in SD (Cohen's d)", "difference of means in cm³, with --sd or --region")
    entry.add_argument("--ratio", type=float, default=1.0, help="size of the second group over the first (default: 1)")
    _add_sd(entry)
    _add_test(entry)
    entry.set_defaults(command=_two_groups)

    entry = designs.add_parser("paired", help="two numbers of each child, such as left and right, t-test")
    _add_effect(entry, "mean difference in SD of the differences (d_z)", "mean difference in cm³, with --sd or --pair")
    entry.add_argument("--sd", type=float, metavar="CM3", help="SD of the differences")
    entry.add_argument("--pair", help="take the SD of right minus left from the norm, such as frontal")
    _add_norm(entry)
    _add_test(entry)
    entry.set_defaults(command=_paired)

    entry = designs.add_parser("slope", help="growth with age, or another slope of a linear model")
    entry.add_argument("--slope", type=float, required=True, help="cm³ a year")
    _add_sd(entry, "SD of the volume around the model, in cm³")
    entry.add_argument(
        "--age-sd",
        type=float,
        help="SD of age in years (default: the published norm's, 0.285)",
    )
    entry.add_argument("--covariates", type=int, default=1, help="other predictors in the model (default: 1, sex)")
    _add_test(entry)
    entry.set_defaults(command=_slope)

    entry = designs.add_parser("centile", help="precision of a centile of a norm")
    entry.add_argument("--centile", type=float, required=True, help="such as 5")
    wanted = entry.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--half-width", type=float, help="of the interval, in cm³ with --sd or --region, else in SD")
    wanted.add_argument("--n", type=int, help="children of one sex")
    _add_sd(entry)
    entry.add_argument("--confidence", type=float, default=0.95, help="of the interval (default: 0.95)")
    entry.add_argument(
        "--off-age", type=float, default=0.0, help="SD of age from the mean age: 0 middle (default), 1.73 either end"
    )
    entry.add_argument("--any-distribution", action="store_true", help="do not take volumes for normal")
    entry.add_argument("--json", action="store_true", help="print the answer as JSON")
    entry.set_defaults(command=_centile)


def _add_effect(entry: argparse.ArgumentParser, effect: str, difference: str) -> None:
    how = entry.add_mutually_exclusive_group(required=True)
    how.add_argument("--effect", type=float, help=effect)
    how.add_argument("--difference", type=float, metavar="CM3", help=difference)


def _add_sd(entry: argparse.ArgumentParser, text: str = "SD of the volume of children of one age and sex") -> None:
    spread = entry.add_mutually_exclusive_group()
    spread.add_argument("--sd", type=float, metavar="CM3", help=text)
    spread.add_argument("--region", help="take that SD from the norm, such as right_frontal")
    _add_norm(entry)


def _add_norm(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--study", type=Path, metavar="STUDY", help="take SDs from the norm this study uses, not from the published one"
    )
    entry.add_argument("--norm", metavar="NAME", help="take them from this norm of the study (`ctworkbench norm list`)")


def _add_test(entry: argparse.ArgumentParser) -> None:
    wanted = entry.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--power", type=float, help="such as 0.8; answers with the number of children")
    wanted.add_argument("--n", type=int, help="children in all; answers with the power")
    entry.add_argument("--alpha", type=float, default=0.05, help="(default: 0.05)")
    entry.add_argument("--tests", type=int, default=1, help="tests that share alpha, such as 10 regions (default: 1)")
    entry.add_argument("--one-sided", action="store_true")
    entry.add_argument("--json", action="store_true", help="print the answer as JSON")


def _two_groups(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.analysis.power import two_groups

    effect = arguments.effect
    if effect is None:
        effect = _standardized(arguments.difference, _sd(arguments), "--sd or --region")
    return _tell(two_groups(effect, arguments.power, arguments.n, arguments.ratio, _level(arguments)), arguments.json)


def _paired(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.analysis.power import paired

    effect, sd = arguments.effect, arguments.sd
    if sd is None and arguments.pair is not None:
        sd = _spread(arguments, arguments.pair, difference=True)
    if effect is None:
        effect = _standardized(arguments.difference, sd, "--sd or --pair")
    return _tell(paired(effect, arguments.power, arguments.n, _level(arguments)), arguments.json)


def _slope(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.analysis.power import slope

    sd, age_sd = _sd(arguments), arguments.age_sd
    if sd is None:
        raise WorkbenchError("A slope needs the SD around the model.", "Give --sd or --region.")
    if age_sd is None:
        age_sd = _age_sd(_norm(arguments))
    answer = slope(arguments.slope, sd, age_sd, arguments.power, arguments.n, arguments.covariates, _level(arguments))
    return _tell(answer, arguments.json)


def _centile(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.analysis.power import centile

    sd = _sd(arguments)
    answer = centile(
        arguments.centile,
        arguments.half_width,
        arguments.n,
        sd,
        arguments.confidence,
        arguments.off_age,
        not arguments.any_distribution,
    )
    return _tell(answer, arguments.json)


def _sd(arguments: argparse.Namespace) -> float | None:
    return arguments.sd if arguments.region is None else _spread(arguments, arguments.region)


def _spread(arguments: argparse.Namespace, name: str, difference: bool = False) -> float:
    """SD of a region or pair of the norm that is asked for, and a line that tells which."""
    from ctworkbench.core.analysis.power import spread_of

    norm = _norm(arguments)
    sd = spread_of(norm, name, difference)
    what = f"right minus left, {name}" if difference else name
    say(f"note: SD {sd:.2f} cm³ ({what}) of the norm {norm.name}: {norm.title}.")
    return sd


def _norm(arguments: argparse.Namespace) -> "Norm":
    """The norm of a name, the one that the study uses, or without a study the published one."""
    from ctworkbench.core.norms import published_norm

    if arguments.study is not None:
        with open_study(arguments) as workbench:
            return workbench.norms.norm(arguments.norm)
    if arguments.norm not in (None, published_norm().name):
        raise WorkbenchError(
            f"The norm {arguments.norm} stands in a study.",
            f"Add --study STUDY; without one there is {published_norm().name}.",
        )
    return published_norm()


def _age_sd(norm: "Norm") -> float:
    """SD of the ages of a norm's children, in years."""
    from ctworkbench.core.norms import PublishedNorm

    if not isinstance(norm, PublishedNorm):
        raise WorkbenchError(f"The norm {norm.name} does not tell how far its ages spread.", "Give --age-sd in years.")
    return norm.age_sd_years


def _standardized(difference: float, sd: float | None, options: str) -> float:
    if sd is None or not sd > 0:
        raise WorkbenchError("A difference in cm³ needs an SD above 0.", f"Give {options}, or --effect in SD.")
    return difference / sd


def _level(arguments: argparse.Namespace) -> "Level":
    from ctworkbench.core.analysis.power import Level

    return Level(arguments.alpha, arguments.tests, "one-sided" if arguments.one_sided else "two-sided")


def _tell(answer: "SampleSize", as_json: bool) -> int:
    print(answer.model_dump_json(indent=1) if as_json else answer.sentence)
    return 0
