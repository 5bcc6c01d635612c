"""What serves best today, for a GPU: HU as they are, Dice and cross-entropy, patches by region, a wide augmentation.

Each part is common practice (nnU-Net, Isensee et al. 2021; SynthSeg, Billot et al. 2023); the sizes are chosen here.
"""

from ctworkbench.train.preset import Augmentation, Preset

PRESET = Preset(
    title="Best: 1.5 mm voxels, patches by region, wide augmentation, for a GPU",
    spacing_mm=1.5,
    margin_mm=6.0,
    sees="hu",
    channels=(24, 48, 96, 192, 256),
    coordinates=True,
    mirror_average=True,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=1e-2,
    loss="cross-entropy + dice",
    batch=2,
    together=2,
    epochs=300,
    patch=96,
    average=0.999,
    clip=5.0,
    folds=5,
    augmentation=Augmentation(
        flip=0.5, rotation_degrees=15.0, scale=0.12, gain=0.25, noise=0.25, blur=1.0, slices_mm=6.0, elastic_mm=3.0
    ),
)
