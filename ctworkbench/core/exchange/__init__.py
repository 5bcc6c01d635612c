"""Label maps on their way to other programs and back: ITK-SNAP reads NIfTI and a file of names, 3D Slicer .seg.nrrd."""
