"""What is installed is what was pinned, and a wheel holds all that the program needs."""

import importlib.metadata
import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ctworkbench import __version__
from ctworkbench.core.code_version import BUILT_FROM, commit_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
}
OPTIONAL = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]


@pytest.mark.parametrize("line", sorted({*PROJECT["dependencies"], *OPTIONAL}))
def test_that_every_requirement_is_pinned_within_its_range(line: str) -> None:
    requirement = Requirement(line)
    if requirement.name == "triton":
        return  # comes with the build of torch for accelerators, which pins its own
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_that_what_is_installed_is_what_is_pinned() -> None:
    installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
    other = {
        name: (installed[name], version)
        for name, version in PINS.items()
        if name in installed and installed[name].split("+")[0] != version
    }
    assert not other, "run `make setup`"


def test_that_the_window_is_held_to_the_versions_it_was_measured_with() -> None:
    assert PINS["pyside6-essentials"] == "6.11.3"  # 6.12.0 aborts on Python 3.11
    assert PINS["torch"] == "2.13.0"
    assert PINS["napari"].startswith("0.9.")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_that_the_wheel_holds_every_module_and_every_resource(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "ctworkbench").rglob("*.py")}
    resources = {f"ctworkbench/{path.relative_to(ROOT)}" for path in (ROOT / "resources").rglob("*") if path.is_file()}
    assert not sources - held
    assert not {name for name in resources - held if "__pycache__" not in name}
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert any(name.endswith("licenses/NOTICE") for name in held)


def test_that_an_installed_program_knows_the_commit_that_it_was_built_from(wheel: Path, tmp_path: Path) -> None:
    commit = commit_of(ROOT)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.endswith((".py", BUILT_FROM))])
    code = "from ctworkbench.core.code_version import code_version; print(code_version())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.strip().removesuffix("+dirty")  # somebody may save a file between the two
    assert told == (f"{__version__}+{commit}" if commit else __version__).removesuffix("+dirty"), done.stderr


def test_that_an_installed_program_finds_its_resources_within_itself(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith((".py", ".toml"))]
        archive.extractall(tmp_path, names)
    code = "from ctworkbench.core.settings import resource; print(resource('schemes/lobes10.toml'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(tmp_path / "ctworkbench" / "resources" / "schemes" / "lobes10.toml"), done.stderr


@pytest.mark.parametrize("name", ["scripts/setup.sh", ".ci/run"])
def test_that_a_script_is_executable_and_well_formed(name: str) -> None:
    assert (ROOT / name).stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", name], cwd=ROOT, check=True)


def test_that_every_kind_of_resource_has_its_notice() -> None:
    notices = (ROOT / "resources" / "NOTICES.md").read_text(encoding="utf-8")
    kinds = {path.name for path in (ROOT / "resources").iterdir()} - {"NOTICES.md", "__pycache__"}
    assert not {kind for kind in kinds if f"`{kind}" not in notices}


def test_that_every_link_of_the_manual_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "resources" / "NOTICES.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not link.startswith(("http:", "https:", "mailto:")) and not (page.parent / link).exists()
    ]
    assert not broken


def test_that_the_readme_names_commands_that_exist() -> None:
    block = re.findall(r"^ctworkbench (\S+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    command = [sys.executable, "-m", "ctworkbench", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len(block) > 10
    assert not {name for name in block if not re.search(rf"\b{name}\b", shown)}
