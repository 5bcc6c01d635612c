"""Phantoms, and the demo that is made of them."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ctworkbench.cli.terminal import Grammar, say
from ctworkbench.core.wording import count


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.command("phantom", _phantom, "make digital head phantoms with a known truth")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the phantoms")
    entry.add_argument("--n", type=int, default=1, metavar="N", help="number of phantoms (default: 1)")
    entry.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same phantoms (default: 1)")
    entry.add_argument("--heads", type=Path, metavar="DIR", help="folder of head_NN_tissue / _labels10 .nii.gz")
    entry.add_argument("--spacing", type=float, nargs=3, metavar=("X", "Y", "Z"), help="voxel size in mm")
    entry.add_argument("--thickness", type=float, metavar="MM", help="slice thickness (default: the slices' step)")
    entry.add_argument("--tilt", type=float, metavar="DEGREES", help="gantry tilt")
    entry.add_argument("--noise", type=float, metavar="HU", help="SD of the noise with kernel STANDARD (default: 5)")
    entry.add_argument("--kernel", choices=("SOFT", "STANDARD", "DETAIL", "BONE"), help="of the reconstruction")

    entry = grammar.command("demo", _demo, "run the whole walk on phantoms and one real scan")
    entry.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where to (default: demo)")
    entry.add_argument("--n", type=int, default=16, metavar="N", help="number of phantoms (default: 16)")
    entry.add_argument("--no-window", action="store_true", help="do not open the window at the end")


def _phantom(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench.phantoms import make_phantoms

    if arguments.n < 1:
        say("ctworkbench phantom: --n must be 1 or more.")
        return 2
    asked: dict[str, Any] = {
        "spacing": arguments.spacing and tuple(arguments.spacing),
        "thickness": arguments.thickness,
        "tilt_degrees": arguments.tilt,
        "noise_hu": arguments.noise,
        "kernel": arguments.kernel,
    }
    acquisition = {name: value for name, value in asked.items() if value is not None}
    settings = Settings.from_environment()
    path = make_phantoms(arguments.out, arguments.n, arguments.seed, arguments.heads, settings, sys.stderr, acquisition)
    print(f"Made {count(arguments.n, 'phantom')}: {path}")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench.demo import run_demo

    settings = Settings.from_environment()
    study = run_demo(arguments.out, arguments.n, settings, sys.stderr)
    return _show_demo(study, arguments.out, settings, arguments.no_window)


def _show_demo(study: Path, out: Path, settings: Any, no_window: bool) -> int:
    """Take the screenshots where there is a screen, tell where all lies, and open the window for a person."""
    import os
    import subprocess

    pictures = out / "screenshots"
    has_screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    person = has_screen and not no_window and not os.environ.get("CTWORKBENCH_NO_WINDOW")
    charts = out / "charts"
    module = "ctworkbench.ui.screenshots"
    command = [sys.executable, "-m", module, str(study), str(pictures), "--charts", str(charts)]
    if not has_screen:
        import shutil

        if shutil.which("xvfb-run") is None:
            say("No display and no xvfb-run: no screenshots were taken.")
            command = []
        else:
            command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24", *command]
    code = subprocess.run(command, check=False).returncode if command else 0
    if code:
        say("The screenshots could not be taken.")
    print(f"\nThe demo study lies in   {study}")
    print(f"Its tables lie in         {out / 'tables'}")
    print(f"Reports of three subjects {out / 'reports'}")
    print(f"Images and label maps     {out / 'export'}")
    if command and not code:
        print(f"Charts                    {charts}")
        print(f"Screenshots of the window {pictures}")
    print(f'Open it: "{sys.executable}" -m ctworkbench open "{study}"\nResearch use only, not for diagnosis.')
    if person:
        from ctworkbench.ui.app import run

        return run(study, settings)
    return 1 if code else 0
