"""Versions made out of versions: preprocessing and augmentation, remembered stage by stage."""

from viseon.recipes.service import Publish, Recipes

__all__ = ["Publish", "Recipes"]
