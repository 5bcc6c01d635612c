"""Statistics of a label map, one per file: `UNIT` and `compute()`."""
