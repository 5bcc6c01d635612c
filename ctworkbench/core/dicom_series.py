"""One DICOM series judged and read: a head CT of soft-tissue kernel and whole geometry, or refused with the reason."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ctworkbench.core.dicom import Series, SliceHeader
from ctworkbench.core.dicom_geometry import Stack, check_spacing, stack_slices, straighten
from ctworkbench.core.dicom_pixels import LOWEST_HU, padding_note, read_hu
from ctworkbench.core.errors import ImportRefused
from ctworkbench.core.volume import Volume

MIN_COVERAGE_MM = 80.0
"""Less of the body than this is not a head: an infant's head is about 100 mm high."""
MAX_COVERAGE_MM = 400.0
MIN_SLICES = 10
MAX_THICKNESS_MM = 8.0
THICK_MM = 5.0
"""From here on the volumes of thin structures suffer; the scan is taken with a warning."""

_NEW_EXPORT = "Export the series again from the archive."
_SOFT = "Choose the soft-tissue (brain) kernel series of the study."
_BONE_WORDS = ("BONE", "EDGE", "LUNG", "SHARP")
_BONE_PHILIPS = {"D", "E", "L", "YC", "YD", "YE"}
_SAME_ANGLE = 1e-3


class NotForUs(ImportRefused):
    """A whole and sound series that is of another kind than asked for: a scout, a bone kernel, another modality."""


@dataclass(frozen=True, eq=False)
class ReadSeries:
    """A series as a volume.

    Attributes:
        volume: HU (int16, or float32 if the rescale slope is not whole) on a straight, even grid; axes as scanned.
        corrections: what was done to the geometry and the values, for people.
        warnings: what the reader should know.
        protocol: acquisition facts; never anything of the patient.
    """

    volume: Volume
    corrections: tuple[str, ...]
    warnings: tuple[str, ...]
    protocol: dict[str, str | float]


def read_series(series: Series, told: Callable[[float], None] = lambda _: None) -> ReadSeries:
    """Judge a series by its headers, then read it.

    Args:
        series: the images found under one UID.
        told: called with the part done, 0 to 1.

    Raises:
        ImportRefused: faulty (`NotForUs` where merely of another kind); reason and remedy name the fault.
    """
    check_kind(series)
    slices = [image for image in series.slices if not image.is_localizer]
    warnings: list[str] = []
    if len(slices) < len(series.slices):
        warnings.append(f"{len(series.slices) - len(slices)} localizer images of the series left out")
    _check_whole(series, slices)
    _check_one_kind(slices)
    stack = stack_slices(
        np.array([image.position for image in slices], dtype=np.float64),
        np.array(slices[0].orientation, dtype=np.float64),
    )
    slices = [slices[index] for index in stack.order]
    thickness = [image.thickness for image in slices if image.thickness]
    check_spacing(stack, np.array(thickness) if len(thickness) == len(slices) else None)
    warnings += _check_extent(stack, slices, thickness)
    hu, lifted = read_hu(slices, lambda done: told(0.7 * done / len(slices)))
    spacing = slices[0].spacing
    assert spacing is not None  # _check_whole has seen to it
    volume, corrections = straighten(hu, stack, spacing, LOWEST_HU)
    told(1.0)
    protocol = _protocol(series, slices, stack) | ({"padding": padding_note(lifted)} if lifted else {})
    warnings += _doubts(series, slices, stack, hu)
    return ReadSeries(volume, tuple(corrections), tuple(warnings), protocol)


def check_kind(series: Series) -> None:
    """Refuse what is no CT series of axial-like images with a soft kernel.

    Raises:
        NotForUs: another modality, a localizer, a secondary capture, colour images, a projection, a bone kernel.
    """
    if series.modality != "CT":
        named = f"modality {series.modality}" if series.modality else "no modality"
        raise NotForUs(f"it is of {named}, not CT.", "Import CT series only.")
    if not series.slices:
        return
    first = series.slices[0]
    if all(image.is_localizer for image in series.slices):
        raise NotForUs("it holds localizer (scout) images only.", "Choose the volume series of the study.")
    if series.sop_class.startswith("1.2.840.10008.5.1.4.1.1.7"):
        raise NotForUs("it is a secondary capture: a picture of the screen, without HU.", "Choose the original series.")
    if any(
        image.samples != 1 or not image.photometric.startswith("MONOCHROME2") for image in series.slices if image.rows
    ):
        raise NotForUs(
            f"its images are {first.photometric or 'in colour'}, not grey values in HU.",
            "Choose the original CT series.",
        )
    if any(kind in first.image_type for kind in ("MIP", "MINIP", "PROJECTION IMAGE", "SCREEN SAVE", "DOSE_INFO")):
        raise NotForUs(f"its images are of the type {'/'.join(first.image_type)}, not slices in HU.", "Choose another.")
    kernels = {image.kernel for image in series.slices if not image.is_localizer}
    sharp = [kernel for kernel in kernels if is_bone_kernel(kernel, series.text("Manufacturer"))]
    if sharp and len(kernels) == 1:
        raise NotForUs(f"it was made with the bone kernel {sharp[0]}, which falsifies the HU of the brain.", _SOFT)


def is_bone_kernel(kernel: str, manufacturer: str) -> bool:
    """Whether a reconstruction kernel is for bone, lung or inner ear, by the maker's own names.

    GE: BONE, BONEPLUS, EDGE, LUNG. Siemens: number 60 and above (H60s, Hr64, B70, J70). Philips: D, E, L, YC, YD, YE.
    Canon/Toshiba: FC30–39, FC50–59, FC80–89. An unknown name is taken as soft.
    """
    name, maker = kernel.strip().upper(), manufacturer.upper()
    if not name:
        return False
    if any(word in name for word in _BONE_WORDS):
        return True
    if "SIEMENS" in maker:
        match = re.match(r"[A-Z]{1,2}(\d{2})", name)
        return match is not None and int(match[1]) >= 60
    if "PHILIPS" in maker:
        return name.split()[0] in _BONE_PHILIPS
    if "TOSHIBA" in maker or "CANON" in maker:
        match = re.match(r"FC(\d{2})", name)
        return match is not None and int(match[1]) // 10 in (3, 5, 8)
    return False


def _check_whole(series: Series, slices: list[SliceHeader]) -> None:
    """Refuse a series with damaged files or without the tags that geometry and HU need."""
    if series.damaged:
        name, why = next(iter(sorted(series.damaged.items())))
        more = f" ({len(series.damaged)} files in all)" if len(series.damaged) > 1 else ""
        raise ImportRefused(f"{name} is damaged: {why}{more}.", _NEW_EXPORT)
    for image in slices:
        name = image.path.name
        if not image.rows or not image.columns:
            raise ImportRefused(f"{name} tells no number of rows and columns.", _NEW_EXPORT)
        for value, tag in (
            (image.position, "ImagePositionPatient"),
            (image.orientation, "ImageOrientationPatient"),
            (image.spacing, "PixelSpacing"),
        ):
            if value is None or not np.isfinite(value).all():
                raise ImportRefused(f"{name} has no {tag}: its place in the patient is unknown.", _NEW_EXPORT)
        if image.spacing is None or min(image.spacing) <= 0:
            raise ImportRefused(f"{name} states a pixel spacing of {image.spacing}.", _NEW_EXPORT)
        if not image.slope or image.intercept is None or image.rescale_type.upper() not in ("", "HU"):
            raise ImportRefused(f"{name} has no rescale slope and intercept to HU.", "Choose the original CT series.")


def _check_one_kind(slices: list[SliceHeader]) -> None:
    """Refuse a series that mixes sizes, pixel spacings, orientations or kernels under one UID."""
    split = "Split it in the archive and export the one series that is wanted."
    sizes = sorted({(image.rows, image.columns) for image in slices})
    if len(sizes) > 1:
        raise ImportRefused(
            f"it mixes images of {_listed(f'{r}×{c}' for r, c in sizes)} pixels under one series UID.", split
        )
    first = np.array(slices[0].orientation)
    others = [image for image in slices if np.abs(np.array(image.orientation) - first).max() > _SAME_ANGLE]
    if others:
        raise ImportRefused(
            f"it mixes two orientations under one series UID ({len(slices) - len(others)} images and {len(others)}).",
            split,
        )
    spacings = np.array([image.spacing for image in slices])
    if np.abs(spacings - spacings[0]).max() > 1e-3 * spacings[0].min():
        raise ImportRefused(
            f"it mixes pixel spacings ({spacings.min():.3f} to {spacings.max():.3f} mm) under one series UID.", split
        )
    kernels = sorted({image.kernel for image in slices})
    if len(kernels) > 1:
        raise ImportRefused(
            f"it mixes the kernels {_listed(name or 'unnamed' for name in kernels)} under one UID.", split
        )


def _check_extent(stack: Stack, slices: list[SliceHeader], thickness: list[float]) -> list[str]:
    """Refuse too few or too thick slices; warn of thick ones."""
    step = float(stack.gaps.max(initial=0))
    across = max(step, max(thickness, default=0.0))
    covered = float(stack.distances[-1]) + (step or across)
    if len(slices) < MIN_SLICES or covered < MIN_COVERAGE_MM:
        raise NotForUs(
            f"it is not a head volume: {len(slices)} slices cover {covered:.0f} mm; "
            f"at least {MIN_SLICES} slices and {MIN_COVERAGE_MM:.0f} mm are needed.",
            "Choose the series that covers the whole head.",
        )
    if across > MAX_THICKNESS_MM:
        raise ImportRefused(
            f"its slices are {across:.1f} mm thick or apart; regional volumes need {MAX_THICKNESS_MM:.0f} mm or less.",
            "Choose a thinner reconstruction.",
        )
    warnings: list[str] = []
    if across >= THICK_MM:
        warnings.append(f"slices {across:.1f} mm thick or apart: volumes of small regions are less precise")
    if covered > MAX_COVERAGE_MM:
        warnings.append(f"covers {covered:.0f} mm: more of the body than a head")
    return warnings


def _doubts(series: Series, slices: list[SliceHeader], stack: Stack, hu: np.ndarray) -> list[str]:
    """Warnings of what the headers or values leave open."""
    warnings: list[str] = []
    told = slices[0].tilt or 0.0
    if abs(told) > 1 and abs(abs(told) - stack.tilt_degrees) > 1:
        warnings.append(
            f"the header tells a gantry tilt of {told:+.1f}°, the slice positions one of {stack.tilt_degrees:.1f}°; "
            "the positions were followed"
        )
    if not slices[0].kernel:
        warnings.append("no kernel is named: check that it is a soft-tissue one")
    if series.text("LossyImageCompression") == "01":
        warnings.append("the images went through lossy compression")
    if "SECONDARY" in slices[0].image_type and "DERIVED" in slices[0].image_type:
        warnings.append("the series is derived (reformatted), not original")
    sample = hu[:: max(1, len(hu) // 8), ::4, ::4]
    if not (sample < -200).any() or not (sample > 100).any():
        warnings.append("no air or no bone in the image: check that the values are HU")
    return warnings


def _protocol(series: Series, slices: list[SliceHeader], stack: Stack) -> dict[str, str | float]:
    """How the series was made; only what says nothing of the patient."""
    first = slices[0]
    facts: dict[str, str | float | None] = {
        "manufacturer": series.text("Manufacturer"),
        "model": series.text("ManufacturerModelName"),
        "kernel": first.kernel,
        "image_type": "/".join(first.image_type),
        "kvp": series.number("KVP"),
        "mas": _charge(series),
        "slice_thickness_mm": first.thickness,
        "slice_spacing_mm": round(float(np.median(stack.gaps)), 4),
        "gantry_tilt_degrees": first.tilt if first.tilt is not None else round(stack.tilt_degrees, 2),
        "rows": float(first.rows),
        "columns": float(first.columns),
        "slices": float(len(slices)),
        "phantom": "digital phantom, no patient" if _is_phantom(series) else None,
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _is_phantom(series: Series) -> bool:
    """Whether the series was made by `ctworkbench phantom`; it must never be taken for a child's."""
    return series.text("DeidentificationMethod").startswith("Digital phantom")


def _charge(series: Series) -> float | None:
    """The tube's charge per rotation in mAs: as told, or current (mA) × time (ms)."""
    told = series.number("Exposure")
    current, time = series.number("XRayTubeCurrent"), series.number("ExposureTime")
    if told is not None or current is None or time is None:
        return told
    return round(current * time / 1000, 1)


def _listed(names: Iterable[str]) -> str:
    """Names joined for a sentence."""
    return " and ".join(str(name) for name in names)
