"""The settings of Xi et al., Front. Neurol. 2025; 16:1573060, section 2.2.3. Needs a GPU.

From the article: 1 mm voxels, Adam at 1e-5, multi-class cross-entropy, batch 4, 200 epochs, five folds, random flips
and rotations. The article is silent on, and chosen here: the label swap that a flip needs, the size of rotations, the
channels, and patches (none: whole brains, gradients averaged over four).
"""

from ctworkbench.train.preset import Augmentation, Preset

PRESET = Preset(
    title="Paper: the article's settings at 1 mm, for a GPU",
    spacing_mm=1.0,
    margin_mm=4.0,
    channels=(16, 32, 64, 128, 256),
    coordinates=False,
    mirror_average=False,
    optimizer="adam",
    learning_rate=1e-5,
    schedule="constant",
    loss="cross-entropy",
    batch=4,
    epochs=200,
    folds=5,
    augmentation=Augmentation(flip=0.5, rotation_degrees=15.0),
)
