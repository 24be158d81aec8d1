"""A synthetic street with known truth: any frame, everybody's box, every crossing and visit."""

from viseon.scene.pictures import SIZE as TRAINING_SIZE
from viseon.scene.pictures import Labelled, training_images
from viseon.scene.png import png
from viseon.scene.street import Style
from viseon.scene.truth import Crossing, Truth, Visit, crossings, visits
from viseon.scene.world import LINE, ZONE, World

__all__ = [
    "LINE",
    "TRAINING_SIZE",
    "ZONE",
    "Crossing",
    "Labelled",
    "Style",
    "Truth",
    "Visit",
    "World",
    "crossings",
    "png",
    "training_images",
    "visits",
]
