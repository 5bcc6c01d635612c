"""The article's Figure 1: a network, drawn from the tensors of its weights; without a model the study's flow.

A symmetric U-Net as `train/networks/resunet.py` names its parts is drawn as a U. Any other network is drawn as its
parts, each with its convolutions: whatever is drawn was counted in the weights.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.figures import GREY, INK, Picture, new_figure
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Shape = tuple[int, ...]
_FILL, _EDGE, _SKIP = "#dbe7f3", "#2b6ca3", "#8a5a00"
_CHANNELS_LAST = 5  # number of axes of a 3D convolution's weights: out, in, x, y, z


@dataclass(frozen=True)
class Network:
    """A trained network as its weights tell it.

    Attributes:
        title: such as "resunet, preset paper, model 3".
        tensors: shape of each tensor by name, in the order of the file.
        weights_sha256: hash of the file.
    """

    title: str
    tensors: Mapping[str, Shape]
    weights_sha256: str

    @property
    def parameters(self) -> int:
        """Number of weights that were trained; running means of a batch norm are none."""
        counted = 0
        for name, shape in self.tensors.items():
            if not re.search(r"running_|num_batches", name):
                counted += math.prod(shape)
        return counted

    def convolutions(self, start: str = "") -> dict[str, Shape]:
        """Weights of 3D convolutions whose name begins with `start`: (out, in, x, y, z)."""
        return {n: s for n, s in self.tensors.items() if len(s) == _CHANNELS_LAST and n.startswith(start)}


def read_network(weights: Path, title: str, sha256: str) -> Network:
    """Read the names and shapes of the tensors in a safetensors file, none of their values.

    Raises:
        WorkbenchError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy") as file:
            tensors = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WorkbenchError(
            f"The weights of the model cannot be read: {weights.name}.", "Run `ctworkbench verify`."
        ) from error
    return Network(title, tensors, sha256)


def architecture_figure(network: Network) -> Picture:
    """Figure 1: what the network is made of.

    Raises:
        WorkbenchError: the weights hold no 3D convolution.
    """
    if not network.convolutions():
        raise WorkbenchError("Figure 1: the model's weights hold no 3D convolution.", "Draw it by hand.")
    levels = _levels(network)
    caption = (
        f"Figure 1. Architecture of the network in use ({network.title}; weights {network.weights_sha256[:12]}), drawn "
        f"from the tensors of its weights: {len(network.convolutions())} convolutions, {network.parameters:,} "
        "parameters."
    )
    if levels:
        caption += (
            f" {len(network.convolutions('down.')) + len(network.convolutions('up.'))} of them stand in modules of a "
            "convolution and a residual pair; skips are sums. Kernels are written (slice, row, column)."
        )
    else:
        caption += " Boxes are its parts by name, with channels in and out; how they are joined, weights do not tell."
    return Picture("figure1_architecture", caption, _draw_u(network, levels) if levels else _draw_parts(network))


def _levels(network: Network) -> list[int]:
    """Channels of each level of a symmetric U, from full resolution down; empty if the network is another one."""
    numbers = sorted({int(m.group(1)) for n in network.tensors if (m := re.match(r"down\.(\d+)\.first\.weight$", n))})
    needed = ["embedding.weight", "output.weight"]
    needed += [f"{part}.{i}.{end}" for i in numbers[:-1] for part, end in (("up", "first.weight"), ("fit", "weight"))]
    if len(numbers) < 2 or numbers != list(range(len(numbers))) or not set(needed) <= set(network.tensors):
        return []
    return [network.tensors[f"down.{i}.first.weight"][0] for i in numbers]


def _kernel(shape: Shape) -> str:
    """Size of a kernel as the article names it (slice, row, column), from weights that are (out, in, x, y, z)."""
    return "×".join(str(length) for length in reversed(shape[2:]))


def _module(network: Network, start: str) -> str:
    """What a module of the U holds: its convolutions by kernel."""
    found = network.convolutions(start)
    kernels = list(dict.fromkeys(_kernel(shape) for shape in found.values()))
    return f"{len(found)} conv {' / '.join(kernels)}"


def _draw_u(network: Network, levels: Sequence[int]) -> "Figure":
    depth, width, height = len(levels), 17.0, 5.4
    bottom = depth - 1
    figure = new_figure(height=1.2 + 0.82 * depth)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(-bottom * 10 - 5, 11))
    axes.axis("off")
    step = min(5.5, 14 / (depth - 2)) if depth > 2 else 0.0
    left = [*(16 + step * i for i in range(bottom)), 50 - width / 2]
    right = [100 - x - width for x in left]
    for i, channels in enumerate(levels):
        y, size = -10.0 * i, "full resolution" if i == 0 else f"1/{2**i} resolution"
        _box(axes, left[i], y, width, height, f"{channels} channels", f"{_module(network, f'down.{i}.')}, residual")
        _resolution(axes, left[i], y, height, size, below=i == bottom)
        if i == bottom:
            break
        _box(axes, right[i], y, width, height, f"{channels} channels", f"{_module(network, f'up.{i}.')}, residual")
        _arrow(axes, (left[i] + width, y), (right[i], y), _SKIP, "--")
        axes.text(50, y + 0.5, "sum", fontsize=6, color=_SKIP, ha="center", va="bottom")
        low, high = y - 10 + height / 2, y - height / 2
        start = left[i] + width - 3 if i + 1 == bottom else left[i + 1] + 0.64 * width
        end = left[bottom] + 0.64 * width - 7 if i + 1 == bottom else start
        _arrow(axes, (start, high), (end, low), INK)
        axes.text(min(start, end) - 0.8, y - 5, "max pool 2", fontsize=6, color=GREY, ha="right", va="center")
        _arrow(axes, (100 - end, low), (100 - start, high), INK)
        fit = f"conv {_kernel(network.tensors[f'fit.{i}.weight'])}, trilinear ×2"
        axes.text(100.8 - min(start, end), y - 5, fit, fontsize=6, color=GREY, ha="left", va="center")
    entrance, output = network.tensors["embedding.weight"], network.tensors["output.weight"]
    enter = f"image,\n{entrance[1]} channel{'s' * (entrance[1] > 1)},\nconv {_kernel(entrance)}"
    leave = f"conv {_kernel(output)},\n{output[0]} classes"
    end = right[0] + width
    _arrow(axes, (left[0] - 3.5, 0), (left[0], 0), INK)
    axes.text(left[0] - 4, 0, enter, fontsize=6.5, ha="right", va="center", color=INK)
    _arrow(axes, (end, 0), (end + 3.5, 0), INK)
    axes.text(end + 4, 0, leave, fontsize=6.5, ha="left", va="center", color=INK)
    _heading(axes, network)
    return figure


def _draw_parts(network: Network) -> "Figure":
    """Parts of the network in the order of its weights, each a box; weights do not tell how parts are joined."""
    parts: dict[str, list[Shape]] = {}
    for name, shape in network.convolutions().items():
        steps = name.split(".")[:-1]
        key = ".".join(steps[: 2 if len(steps) > 1 and steps[1].isdigit() else 1])
        parts.setdefault(key, []).append(shape)
    columns = 4
    lines = math.ceil(len(parts) / columns)
    figure = new_figure(height=0.8 + 0.65 * lines)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(-10.0 * (lines - 1) - 5, 11))
    axes.axis("off")
    for i, (name, shapes) in enumerate(parts.items()):
        kernels = " / ".join(dict.fromkeys(_kernel(shape) for shape in shapes))
        title = f"{name}: {shapes[0][1]} → {shapes[-1][0]}"
        _box(axes, 2 + i % columns * 24.5, -10.0 * (i // columns), 22, 6.5, title, f"{len(shapes)} conv {kernels}")
    _heading(axes, network)
    return figure


def flow_figure(title: str, steps: Sequence[tuple[str, str, str]]) -> Picture:
    """The study's flow, drawn in place of Figure 1 while the study has no model.

    Args:
        title: name of the study.
        steps: what was done, how much came of it, and what was left out on the way ("" if nothing).
    """
    figure = new_figure(width=5.0, height=0.5 + 0.62 * len(steps))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(-10.0 * (len(steps) - 1) - 5, 11))
    axes.axis("off")
    axes.text(2, 8, f"Flow of the study {title}", fontsize=9, fontweight="bold", color=INK, va="center")
    for i, (name, text, left_out) in enumerate(steps):
        y = -10.0 * i
        _box(axes, 2, y, 48, 6, name, text)
        if i + 1 < len(steps):
            _arrow(axes, (26, y - 3), (26, y - 7), INK)
        if left_out:
            _arrow(axes, (50, y), (56, y), GREY)
            axes.text(57, y, left_out, fontsize=7, color=GREY, va="center")
    caption = (
        "Figure 1. Flow of the study: what came of each step. It stands in for the network's architecture, since the "
        "study has no trained model to draw."
    )
    return Picture("figure1_study_flow", caption, figure)


def _resolution(axes: "Axes", x: float, y: float, height: float, text: str, below: bool) -> None:
    edge = y - height / 2 - 0.5 if below else y + height / 2 + 0.4
    axes.text(x + 0.3, edge, text, fontsize=5.5, color=GREY, ha="left", va="top" if below else "bottom")


def _heading(axes: "Axes", network: Network) -> None:
    axes.text(2, 8.5, network.title, fontsize=8.5, fontweight="bold", color=INK, va="center")
    text = f"{len(network.convolutions())} convolutions · {network.parameters:,} parameters"
    axes.text(98, 8.5, text, fontsize=7, color=GREY, ha="right", va="center")


def _box(axes: "Axes", x: float, y: float, width: float, height: float, title: str, text: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.6",
            facecolor=_FILL,
            edgecolor=_EDGE,
            linewidth=0.8,
        )
    )
    axes.text(x + width / 2, y + 1.2, title, fontsize=7.5, color=INK, ha="center", va="center", fontweight="bold")
    axes.text(x + width / 2, y - 1.2, text, fontsize=6.2, color=INK, ha="center", va="center")


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float], color: str, style: str = "-") -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "->",
            "color": color,
            "linewidth": 0.9,
            "linestyle": style,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
