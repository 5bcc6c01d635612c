"""Automatic checks of a label map, one per file: `TITLE`, `NEEDS_HEAD` and `find()`; limits stand in `findings`."""
