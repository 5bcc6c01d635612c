"""Presets of a training, one per file: `PRESET`. They import no torch."""
