"""The window. Qt and napari live here only."""
