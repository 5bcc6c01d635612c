#!/usr/bin/env bash
# Make .venv ready to run and to test the program: system libraries, Python packages at their pinned versions, and the
# program itself, linked to this checkout. Quick when nothing changed. Reads nothing from the keyboard.
#
#   PYTHON   the interpreter to build .venv with (3.11 to 3.13; default python3.11, else python3)
#   TORCH    the torch to install, such as TORCH=torch==2.13.0 for the build that the package index gives
#            (default: the CPU build where pip finds one; PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS can name a place that has it)
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
exec </dev/null

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- Python -----------------------------------------------------------------------------------------------------------
usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
python=""
for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python3.12 python3.13; do
  if command -v "$candidate" >/dev/null && usable "$candidate"; then python="$candidate"; break; fi
done

# --- system packages --------------------------------------------------------------------------------------------------
system_packages=(
  libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 libxkbcommon0 libxkbcommon-x11-0 libfontconfig1 libdbus-1-3 libxcb-cursor0
  libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 fonts-dejavu-core xvfb xauth
)
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  present=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' | sed -n 's/^ii *//p' | tr '\n' ' ') "
  missing=()
  for package in "${system_packages[@]}"; do
    # Newer releases of Debian and Ubuntu give some libraries the ending t64.
    case "$present" in *" $package "* | *" ${package}t64 "*) ;; *) missing+=("$package") ;; esac
  done
  if [ -z "$python" ]; then
    missing+=(python3.11 python3.11-venv)
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    if [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; then
      say "Installing system packages: ${missing[*]}"
      "${as_root[@]}" apt-get update -q
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    else
      fail "system packages are missing. Run this, then try again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  [ -n "$python" ] || python=python3.11
elif [ "$(uname -s)" = Linux ]; then
  command -v xvfb-run >/dev/null || say "Not a Debian or Ubuntu system: install Xvfb and Qt's X11 libraries with its own tools."
fi
[ -n "$python" ] && command -v "$python" >/dev/null || fail "Python 3.11, 3.12 or 3.13 is needed. Install one, or name it: make setup PYTHON=/path/to/python3.11"

# --- Python packages --------------------------------------------------------------------------------------------------
stamp=.venv/.setup-stamp
state="$(cat constraints.txt pyproject.toml scripts/setup.sh | cksum) ${TORCH:-} $PWD"
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
  exit 0
fi
if [ ! -x .venv/bin/python ] || ! usable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  say "Making .venv with $("$python" -V)"
  rm -rf .venv
  "$python" -m venv .venv
fi
rm -f "$stamp"
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

say "Installing the build tools"
pip install --quiet -c constraints.txt hatchling editables setuptools
pinned="$(sed -n 's/^torch==/torch==/p' constraints.txt)"
if [ -n "${TORCH:-}" ]; then
  say "Installing $TORCH, as asked"
  pip install --no-deps "$TORCH"
elif ! .venv/bin/python -c "import importlib.metadata as m, sys; sys.exit('torch==' + m.version('torch').split('+')[0] != '$pinned')" 2>/dev/null; then
  say "Installing the CPU build of torch ($pinned+cpu)"
  if ! pip install --no-deps "$pinned+cpu"; then
    say "pip finds no CPU build of torch: taking $pinned as the package index has it (on Linux a large download, with CUDA)"
    pip install --no-deps "$pinned"
  fi
fi
say "Installing the packages at their pinned versions (a few minutes the first time)"
pip install --no-build-isolation -c constraints.txt -e '.[test]'
printf '%s' "$state" >"$stamp"
say "Ready: .venv/bin/ctworkbench"
