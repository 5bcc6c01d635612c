"""For a machine without a GPU: 3 mm voxels and the parts of `best` that pay there, some hours for twenty brains."""

from ctworkbench.train.preset import Augmentation, Preset

PRESET = Preset(
    title="CPU: 3 mm voxels, wide augmentation, some hours without a GPU",
    spacing_mm=3.0,
    margin_mm=4.0,
    sees="hu",
    channels=(16, 32, 64, 96, 128),
    coordinates=True,
    mirror_average=True,
    optimizer="adamw",
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=1e-3,
    loss="cross-entropy + dice",
    batch=2,
    together=2,
    epochs=120,
    average=0.99,
    clip=5.0,
    folds=1,
    augmentation=Augmentation(
        flip=0.5, rotation_degrees=12.0, scale=0.1, gain=0.2, noise=0.2, blur=0.7, slices_mm=6.0, elastic_mm=2.5
    ),
)
