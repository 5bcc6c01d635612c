"""For a first look: coarse voxels and few channels, two minutes on two cores for a dozen brains."""

from ctworkbench.train.preset import Augmentation, Preset

PRESET = Preset(
    title="Demo: 3 mm voxels, few channels, two minutes on two cores",
    spacing_mm=3.0,
    margin_mm=3.0,
    channels=(8, 16, 24, 32, 48),
    coordinates=True,
    mirror_average=True,
    optimizer="adamw",
    learning_rate=5e-3,
    schedule="cosine",
    weight_decay=1e-4,
    loss="cross-entropy + dice",
    batch=1,
    epochs=40,
    folds=1,
    augmentation=Augmentation(flip=0.5, rotation_degrees=8.0, scale=0.06, gain=0.15, noise=0.1),
)
