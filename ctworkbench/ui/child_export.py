"""The numbers of one child as a file, with everything that says what they are worth."""

import csv
from pathlib import Path

from ctworkbench.core.files import guarded
from ctworkbench.core.norms.child import Child

COLUMNS = (
    "subject", "scan", "age_years", "table", "region", "value_cm3", "error_95_cm3", "expected_cm3", "z", "centile",
    "centile_low_by_norm", "centile_high_by_norm", "centile_low_by_error", "centile_high_by_error", "within_error",
    "smallest_change_cm3", "note",
)  # fmt: skip


def write_child(child: Child, path: Path) -> None:
    """Write volumes, right minus left and changes as one CSV table.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer: csv.DictWriter[str] = csv.DictWriter(stream, list(COLUMNS), restval="")
        writer.writeheader()
        own = {
            "subject": guarded([child.subject])[0],
            "scan": child.scan.series_uid,
            "age_years": _text(child.scan.age_years),
        }
        for row in (*child.rows, child.total):
            writer.writerow(
                own
                | {
                    "table": "volume",
                    "region": row.region,
                    "value_cm3": _text(row.volume_cm3),
                    "error_95_cm3": _text(row.reach_cm3),
                    "expected_cm3": _text(row.expected_cm3),
                    "z": _text(row.z),
                    "centile": _text(row.centile),
                    "centile_low_by_norm": _text(row.centile_low),
                    "centile_high_by_norm": _text(row.centile_high),
                    "centile_low_by_error": _text(row.measured_low),
                    "centile_high_by_error": _text(row.measured_high),
                    "within_error": str(row.within_error).lower() if row.reach_cm3 is not None else "",
                    "note": row.reason,
                }
            )
        for side in child.asymmetries:
            writer.writerow(
                own
                | {
                    "table": "right minus left",
                    "region": side.pair,
                    "value_cm3": _text(side.difference_cm3),
                    "error_95_cm3": _text(side.reach_cm3),
                    "expected_cm3": _text(side.expected_cm3),
                    "z": _text(side.z),
                    "within_error": str(side.within_error).lower() if side.reach_cm3 is not None else "",
                    "note": side.reason,
                }
            )
        for one in child.comparisons:
            name = f"change {_text(one.before.age_years)} to {_text(one.after.age_years)} years"
            for change in one.rows:
                within = "" if change.beyond_error is None else str(not change.beyond_error).lower()
                writer.writerow(
                    own
                    | {
                        "table": name,
                        "region": change.region,
                        "value_cm3": _text(change.change_cm3),
                        "expected_cm3": _text(change.expected_cm3),
                        "within_error": within,
                        "smallest_change_cm3": _text(change.smallest_cm3),
                        "note": " ".join(one.notes),
                    }
                )
        told = " ".join((child.error_note, *child.scan.cautions, *child.doubts))
        writer.writerow(own | {"table": "note", "note": told})


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
