"""The label description file of ITK-SNAP: which code is which region, in which colour."""

from ctworkbench.core.schemes import Scheme

_HEAD = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
"""


def label_description(scheme: Scheme) -> str:
    """The text of the file for a scheme; it is loaded under Segmentation → Import Label Descriptions."""
    rows = [(0, "#000000", 0, "Clear Label"), *((r.code, r.color, 1, r.title) for r in scheme.regions)]
    return _HEAD + "".join(
        f'{code:5d} {red:5d} {green:4d} {blue:4d} {seen:8d} {seen:2d} {seen:2d}    "{title}"\n'
        for code, color, seen, title in rows
        for red, green, blue in (tuple(bytes.fromhex(color[1:])),)
    )
