"""What a reader does to a whole region: smooth, clean, fill, interpolate, copy, split, mirror, grow, propose.

Every operation is a pure function of a `Drawing`: it looks at the label map and the image and answers with a `Change`,
the box of new codes, or with None where there is nothing to do. Nothing is written in place.
"""
