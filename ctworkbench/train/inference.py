"""A network's answer to one head: the whole volume in one pass where memory allows, else windows that overlap.

On a CPU the network is handed to OpenVINO, which answers with the same numbers as torch up to rounding, several times
faster; where it cannot take a network, torch answers. On a GPU torch answers in half precision.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch import Tensor, nn

Answer = Callable[[Tensor], Tensor]
"""Image (1, channels, x, y, z) float32 → logits (1, classes, x, y, z) float32, both on the CPU."""

WINDOW = (128, 128, 128)
_OVERLAP = 0.5
_MOST_BYTES = 3.2e9
_BYTES_PER_CHANNEL = 4
_LAYERS_HELD = 6
_log = logging.getLogger(__name__)


class PreparedAnswer:
    """Answers in one pass where the room allows, else in windows.

    Attributes:
        windows: whether the last image was answered in windows.
    """

    def __init__(self, whole: Answer, network: nn.Module, room: float) -> None:
        self._whole, self._network, self._room = whole, network, room
        self.windows = False

    def __call__(self, image: Tensor) -> Tensor:
        """As `Answer`."""
        self.windows = _needed(self._network, image) > self._room
        return in_windows(self._whole, image) if self.windows else self._whole(image)

    def release(self) -> None:
        """Let go of what is held for the next image of the same size; another network has the memory meanwhile."""
        if isinstance(self._whole, _Compiled):
            self._whole.release()


def prepare_answer(network: nn.Module, device: str, threads: int) -> PreparedAnswer:
    """How `network` answers fastest on `device`; its weights must not change afterwards.

    Args:
        network: in evaluation mode, on the device.
        device: "cpu" or "cuda".
        threads: to use on the CPU.
    """
    if device == "cpu":
        whole = _openvino(network, threads) or eager(network, device)
    else:
        nn.utils.convert_conv3d_weight_memory_format(network, torch.channels_last_3d)
        whole = _half(network, device)
    return PreparedAnswer(whole, network, _room(device))


def in_windows(whole: Answer, image: Tensor) -> Tensor:
    """Answers for windows that overlap by half, weighed by a Gaussian, put together (MONAI)."""
    from monai.inferers.utils import sliding_window_inference

    found = sliding_window_inference(image, WINDOW, 1, whole, overlap=_OVERLAP, mode="gaussian")
    assert isinstance(found, Tensor)
    return found


def _room(device: str) -> float:
    """Bytes that one pass may take: half of what is free, and on the CPU never more than leaves others room."""
    if device == "cpu":
        return min(_MOST_BYTES, psutil.virtual_memory().available / 2)
    free, _ = torch.cuda.mem_get_info()
    return free / 2


def _needed(network: nn.Module, image: Tensor) -> float:
    """About how many bytes one pass over the image takes: measured for the ResU-Net, five maps of its first width."""
    widths = [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv3d)]
    held = _LAYERS_HELD * widths[0] + 3 * widths[-1] if widths else 128
    return _BYTES_PER_CHANNEL * held * image[0, 0].numel()


def eager(network: nn.Module, device: str) -> Answer:
    """The network as torch has it, for one that is still being trained."""

    def answer(image: Tensor) -> Tensor:
        with torch.no_grad():
            return network(image.to(device)).float().cpu()

    return answer


def _half(network: nn.Module, device: str) -> Answer:
    def answer(image: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(device, torch.float16):
            seen = image.to(device).contiguous(memory_format=torch.channels_last_3d)
            return network(seen).float().cpu()

    return answer


class _Compiled:
    """A network in OpenVINO, compiled anew for every size of image."""

    def __init__(self, core: Any, model: Any, settings: dict[str, Any]) -> None:
        self._core, self._model, self._settings = core, model, settings
        self._compiled: dict[tuple[int, ...], Any] = {}  # one at most: heads differ in size, windows do not

    def __call__(self, image: Tensor) -> Tensor:
        """As `Answer`."""
        shape = tuple(image.shape)
        if shape not in self._compiled:
            self.release()
            self._model.reshape(list(shape))
            self._compiled[shape] = self._core.compile_model(self._model, "CPU", self._settings)
        return torch.from_numpy(self._compiled[shape](image.contiguous().numpy())[0].copy())

    def release(self) -> None:
        """Let go of what was compiled."""
        self._compiled.clear()


def _openvino(network: nn.Module, threads: int) -> _Compiled | None:
    """The network in OpenVINO; None where that cannot be had."""
    # Its converter would send notes of its use to its makers. Nothing leaves this program: without the module it has
    # a stub of its own.
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino
    except ImportError:
        _log.warning("openvino is not installed: torch answers instead, several times more slowly")
        return None
    first = next((layer for layer in network.modules() if isinstance(layer, nn.Conv3d)), None)
    if first is None:
        return None
    try:
        example = torch.zeros(1, first.in_channels, *[32] * 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # what is decided by shapes is decided by channels
            model: Any = openvino.convert_model(network, example_input=example)
    except RuntimeError as error:  # its frontend says with this that it lacks an operation
        _log.warning("OpenVINO cannot take %s: torch answers instead. %s", type(network).__name__, error)
        return None
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return _Compiled(core, model, settings)
