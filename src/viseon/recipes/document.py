"""What a person wrote for a recipe, read strictly."""

from difflib import get_close_matches
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from viseon.recipes.stages import AnyStage, Recipe
from viseon.schema import Invalid
from viseon.schema.recipe import RecipeSummary, StageSummary

_LONGEST = 100_000


def read_recipe(document: str) -> Recipe:
    """A recipe from YAML (or JSON, which is YAML). Raises Invalid that names the place."""
    if len(document) > _LONGEST:
        raise Invalid(f"recipe: longer than {_LONGEST} characters", fix="shorten it")
    try:
        plain = yaml.safe_load(document)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        said = getattr(error, "problem", None) or "this is no YAML"
        raise Invalid(f"recipe{where}: {said}") from error
    if not isinstance(plain, dict):
        raise Invalid("recipe: this is no mapping", fix="begin with `recipe: NAME`, then `stages:`")
    try:
        return Recipe.model_validate(plain)
    except ValidationError as error:
        raise _explained(error) from error


def summary(recipe: Recipe) -> RecipeSummary:
    """The recipe as it is understood, with every default."""
    return RecipeSummary(
        name=recipe.recipe,
        digest=recipe.digest,
        stages=tuple(
            StageSummary(
                kind=stage.kind,
                digest=recipe.key(stage),
                parameters=stage.model_dump(mode="json", exclude={"kind"}),
            )
            for stage in recipe.stages
        ),
    )


def _explained(error: ValidationError) -> Invalid:
    detail: dict[str, Any] = dict(error.errors()[0])
    place = list(detail["loc"])
    kinds = _kinds()
    fix = ""
    if place[:1] == ["stages"] and len(place) > 1 and isinstance(place[1], int):
        place[1] += 1  # people count from 1
        if len(place) > 2 and place[2] in kinds:  # noqa: PLR2004 (stages, number, kind)
            del place[2]
    if detail["type"] == "union_tag_invalid":
        wrong = str(detail["ctx"]["tag"])
        near = get_close_matches(wrong, kinds, n=1)
        detail["msg"] = f"there is no stage {wrong!r}"
        fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kinds)}"
    return Invalid.because({**detail, "loc": place}, where="recipe: ", fix=fix)


def _kinds() -> list[str]:
    union = get_args(AnyStage)[0]
    return [get_args(stage.model_fields["kind"].annotation)[0] for stage in get_args(union)]
