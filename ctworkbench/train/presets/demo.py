"""For a first look: coarse voxels and few channels, two minutes on two cores for a dozen brains."""

from ctworkbench.train.preset import Augmentation, Preset

PRESET = Preset(
    title="Demo: 4 mm voxels, few channels, two minutes on two cores",
    spacing_mm=4.0,
    margin_mm=4.0,
    channels=(8, 16, 32, 64, 96),
    coordinates=True,
    mirror_average=True,
    optimizer="adamw",
    learning_rate=4e-3,
    schedule="cosine",
    weight_decay=1e-4,
    loss="cross-entropy + dice",
    balanced=True,
    batch=2,
    together=2,  # torch takes its fast convolutions on small grids for two brains or more
    epochs=54,
    folds=1,
    augmentation=Augmentation(flip=0.5, rotation_degrees=8.0, scale=0.06, gain=0.15, noise=0.1),
)
