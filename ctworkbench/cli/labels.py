"""Commands that hand single label maps to other programs and take them back."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import VERSION, Grammar, open_study, say


def add(grammar: Grammar) -> None:
    """Add `labels export` and `labels import`."""
    top = grammar.add_parser("labels", help="take a label map to ITK-SNAP or 3D Slicer, and back")
    top.description = "Single label maps leave the study for other programs and come back as new versions."
    inner = Grammar(top.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser)

    out = inner.over_study("export", _export, "write image and label map for another program")
    _of_scan(out)
    out.add_argument("--version", **VERSION, help="the version; the one that counts by default")
    out.add_argument(
        "--format",
        choices=("nifti", "nrrd"),
        default="nifti",
        help="nifti: .nii.gz and names for ITK-SNAP (default); nrrd: .seg.nrrd for 3D Slicer",
    )
    out.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")

    back = inner.over_study("import", _import, "take a label map back as a new version")
    back.add_argument("file", type=Path, metavar="FILE", help=".nii.gz, .nii, .seg.nrrd or .nrrd")
    _of_scan(back)
    text = "the version to put it upon; by default what the file or its name tells (_a17), else the one that counts"
    back.add_argument("--parent", **VERSION, help=text)


def _of_scan(entry: argparse.ArgumentParser) -> None:
    entry.add_argument("--subject", required=True, metavar="CODE", help="the subject")
    entry.add_argument("--series", metavar="UID", help="which of its scans, if it has several")


def _export(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scan = workbench.exchange.scan_of(arguments.subject, arguments.series)
        row = workbench.exchange.version_of(scan, arguments.version)
        paths = workbench.exchange.export(scan, None if row is None else row.id, arguments.out, arguments.format)
        for path in paths:
            print(f"Written: {path}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        exchange = workbench.exchange
        scan = exchange.scan_of(arguments.subject, arguments.series)
        version = exchange.version_of(scan, arguments.parent)
        named = None if version is None else version.id
        row, notes = exchange.take_back(
            scan, arguments.file, named, upon=named if arguments.parent is not None else None
        )
        for note in notes:
            say(f"note: {note}")
        parent = None if row.parent_id is None else exchange.version_of(scan, f"a{row.parent_id}")
        drawn = f", drawn from version {parent.version}" if parent is not None else ""
        print(f"{arguments.subject}: {arguments.file.name} is version {row.version}{drawn}.")
    return 0
