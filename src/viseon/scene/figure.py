"""One walking person: clothes by chance, eight steps of a walk, seen from three sides."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from viseon.scene.chance import Chance
from viseon.scene.paint import Canvas, Color, Point, Stamp, Summed

View = Literal["left", "right", "front", "back"]
STEPS = 8
STANDING = STEPS
"""The step of somebody who stands."""
_W, _H = 144, 288
_MID = _W // 2
# How far the foot of one leg is ahead, how high it is lifted and how far the knee bends, by step
# (the other leg is half a cycle behind).
_AHEAD = (34, 26, 6, -16, -34, -26, -2, 22, 0)
_LIFT = (0, 0, 0, 0, 3, 18, 22, 9, 0)
_BEND = (2, 0, 0, 2, 10, 18, 20, 12, 0)
_ARM = (-22, -17, -4, 11, 22, 17, 4, -11, 0)

_SKINS: tuple[Color, ...] = (
    (150, 185, 235), (120, 160, 215), (95, 135, 195),
    (70, 105, 160), (50, 75, 120), (170, 200, 240),
)  # fmt: skip
_HAIRS: tuple[Color, ...] = (
    (25, 28, 32), (30, 45, 70), (45, 75, 115), (80, 130, 175),
    (120, 125, 130), (35, 45, 110), (190, 195, 200),
)  # fmt: skip
_TOPS: tuple[Color, ...] = (
    (60, 60, 200), (170, 100, 40), (70, 140, 60), (50, 160, 220), (150, 70, 130), (200, 200, 205),
    (55, 50, 48), (130, 120, 70), (90, 90, 160), (190, 150, 100), (60, 110, 190), (110, 60, 60),
    (150, 160, 80), (70, 200, 230),
)  # fmt: skip
_BOTTOMS: tuple[Color, ...] = (
    (110, 75, 45), (60, 55, 50), (40, 38, 36), (85, 105, 125),
    (130, 100, 75), (70, 80, 60), (150, 165, 180),
)  # fmt: skip
_SHOES: tuple[Color, ...] = ((35, 33, 32), (215, 215, 220), (45, 65, 105), (60, 50, 150))


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody wears; equal looks give equal pictures."""

    skin: Color
    hair: Color
    top: Color
    bottom: Color
    shoes: Color
    long_hair: bool
    coat: bool
    skirt: bool
    hat: bool
    bag: Literal["", "back", "hand"]
    girth: int
    """Extra width of the torso, in 288ths of the height."""

    @classmethod
    def by(cls, chance: Chance) -> "Look":
        """Somebody."""
        kind = chance.below(10)
        return cls(
            skin=chance.pick(_SKINS),
            hair=chance.pick(_HAIRS),
            top=chance.pick(_TOPS),
            bottom=chance.pick(_BOTTOMS),
            shoes=chance.pick(_SHOES),
            long_hair=chance.percent(40),
            coat=kind < 2,
            skirt=kind in (2, 3),
            hat=chance.percent(15),
            bag=chance.pick(("", "", "back", "hand")),
            girth=chance.between(-3, 6),
        )


@lru_cache(maxsize=768)
def stamp(look: Look, view: View, step: int, height: int) -> Stamp:
    """The person `height` pixels high, feet at the bottom middle."""
    return _drawing(look, view, step).at_height(height)


@lru_cache(maxsize=128)
def _drawing(look: Look, view: View, step: int) -> Summed:
    canvas = Canvas(_W, _H)
    if view in ("left", "right"):
        _side(canvas, look, step)
    else:
        _straight(canvas, look, step, back=view == "back")
    return Summed(canvas.pixels[:, ::-1] if view == "left" else canvas.pixels)


def _dark(color: Color, percent: int = 72) -> Color:
    blue, green, red = (min(255, part * percent // 100) for part in color)
    return blue, green, red


def _limb(canvas: Canvas, joints: tuple[Point, ...], radius: int, color: Color) -> None:
    """Capsules from joint to joint, lit from the left."""
    for a, b in zip(joints, joints[1:], strict=False):
        canvas.capsule(a, b, radius, _dark(color))
    for a, b in zip(joints, joints[1:], strict=False):
        canvas.capsule((a[0] - 2, a[1]), (b[0] - 2, b[1]), radius - 2, color)


def _side(canvas: Canvas, look: Look, step: int) -> None:
    """Seen from the side, walking right."""
    other = step if step == STANDING else (step + STEPS // 2) % STEPS
    _arm(canvas, look, -_ARM[step], far=True)
    _leg(canvas, look, other, far=True)
    _leg(canvas, look, step, far=False)
    g = look.girth
    if look.bag == "back":
        canvas.ellipse((_MID - 24 - g // 2, 92), (15, 32), _dark(look.shoes, 130))
    shoulder, hip = (_MID - 1, 68), (_MID, 132)
    _limb(canvas, (shoulder, hip), 21 + g, look.top)
    if look.coat:
        canvas.polygon(
            ((_MID - 21 - g, 120), (_MID + 19 + g, 120), (_MID + 27, 194), (_MID - 27, 194)),
            look.top,
        )
        canvas.polygon(
            ((_MID + 10, 120), (_MID + 19 + g, 120), (_MID + 27, 194), (_MID + 15, 194)),
            _dark(look.top),
        )
    if look.skirt:
        spread = abs(_AHEAD[step]) // 2
        canvas.polygon(
            (
                (_MID - 18, 128),
                (_MID + 18, 128),
                (_MID + 24 + spread, 200),
                (_MID - 24 - spread, 200),
            ),
            look.bottom,
        )
    _arm(canvas, look, _ARM[step], far=False)
    if look.long_hair:
        canvas.capsule((_MID - 8, 28), (_MID - 12, 58), 13, look.hair)
    canvas.capsule((_MID, 46), (_MID, 58), 8, _dark(look.skin))
    canvas.ellipse((_MID + 3, 28), (19, 23), look.skin)
    canvas.ellipse((_MID + 21, 31), (4, 4), look.skin)
    canvas.ellipse((_MID - 2, 21), (20, 19), look.hair)
    canvas.polygon(
        ((_MID + 4, 20), (_MID + 24, 22), (_MID + 22, 45), (_MID + 2, 50), (_MID - 2, 34)),
        look.skin,
    )
    if look.hat:
        _hat(canvas, look, brim=(_MID + 8, 17))


def _leg(canvas: Canvas, look: Look, step: int, *, far: bool) -> None:
    x, lift = _MID + _AHEAD[step], _LIFT[step]
    cloth = _dark(look.bottom, 80) if far else look.bottom
    knee = (_MID + _AHEAD[step] // 2 + _BEND[step], 206 - lift // 3)
    ankle = (x, 270 - lift)
    _limb(canvas, ((_MID, 138), knee), 17, cloth)
    _limb(canvas, (knee, ankle), 13, look.skin if look.skirt else cloth)
    shoe = _dark(look.shoes, 80) if far else look.shoes
    canvas.capsule((x - 4, 278 - lift), (x + 16, 279 - lift), 8, shoe)


def _arm(canvas: Canvas, look: Look, swing: int, *, far: bool) -> None:
    cloth = _dark(look.top, 68 if far else 86)
    elbow, hand = (_MID + swing // 2 - 3, 112), (_MID + swing + 3, 150)
    _limb(canvas, ((_MID - 2, 72), elbow, hand), 9, cloth)
    canvas.ellipse((hand[0] + 1, hand[1] + 8), (8, 9), look.skin)
    if look.bag == "hand" and not far:
        x = hand[0] + 1
        canvas.capsule((x - 10, 166), (x, 158), 2, _dark(look.shoes, 120))
        canvas.rectangle(x - 17, 166, x + 17, 204, _dark(look.shoes, 120))


def _straight(canvas: Canvas, look: Look, step: int, *, back: bool) -> None:
    """Walking towards the viewer, or away."""
    other = step if step == STANDING else (step + STEPS // 2) % STEPS
    g = look.girth
    for side, at in ((-1, step), (1, other)):
        lift, x = _LIFT[at], _MID + side * 17
        cloth = _dark(look.bottom, 80) if lift > 5 else look.bottom
        _limb(canvas, ((_MID + side * 14, 138), (x, 206 - lift // 2)), 17, cloth)
        shin = look.skin if look.skirt else cloth
        _limb(canvas, ((x, 206 - lift // 2), (x, 268 - lift)), 13, shin)
        canvas.ellipse((x + side * 2, 276 - lift), (12, 11), look.shoes)
    for side, at in ((-1, other), (1, step)):
        forward = _ARM[at]
        hand = (_MID + side * (40 + g), 148 - abs(forward) // 3)
        _limb(canvas, ((_MID + side * (28 + g), 72), (_MID + side * (38 + g), 112), hand), 9,
              _dark(look.top, 86))  # fmt: skip
        canvas.ellipse((hand[0], hand[1] + 8), (8, 9), look.skin)
        if look.bag == "hand" and side > 0:
            canvas.rectangle(hand[0] - 12, 166, hand[0] + 12, 204, _dark(look.shoes, 120))
    canvas.polygon(
        ((_MID - 30 - g, 60), (_MID + 30 + g, 60), (_MID + 24 + g, 142), (_MID - 24 - g, 142)),
        _dark(look.top),
    )
    canvas.capsule((_MID - 22 - g, 68), (_MID + 22 + g, 68), 13, _dark(look.top, 85))
    canvas.polygon(
        ((_MID - 30 - g, 62), (_MID + 18 + g, 60), (_MID + 14 + g, 142), (_MID - 24 - g, 142)),
        look.top,
    )
    _below(canvas, look)
    if back and look.bag == "back":
        canvas.ellipse((_MID, 96), (23, 32), _dark(look.shoes, 130))
    canvas.capsule((_MID, 46), (_MID, 58), 9, _dark(look.skin))
    _head(canvas, look, back=back)


def _below(canvas: Canvas, look: Look) -> None:
    g = look.girth
    if look.coat:
        canvas.polygon(
            (
                (_MID - 25 - g, 138),
                (_MID + 25 + g, 138),
                (_MID + 30 + g, 196),
                (_MID - 30 - g, 196),
            ),
            look.top,
        )
    if look.skirt:
        canvas.polygon(
            ((_MID - 24 - g, 136), (_MID + 24 + g, 136), (_MID + 34, 200), (_MID - 34, 200)),
            look.bottom,
        )


def _head(canvas: Canvas, look: Look, *, back: bool) -> None:
    if look.long_hair:
        canvas.capsule((_MID - 8, 30), (_MID - 8, 56), 15, look.hair)
        canvas.capsule((_MID + 8, 30), (_MID + 8, 56), 15, look.hair)
    canvas.ellipse((_MID, 28), (19, 23), look.skin)
    canvas.ellipse((_MID, 20 if not back else 25), (20, 18 if not back else 22), look.hair)
    if not back:
        canvas.ellipse((_MID, 34), (16, 17), look.skin)
        canvas.ellipse((_MID - 7, 31), (2, 2), (40, 40, 45))
        canvas.ellipse((_MID + 7, 31), (2, 2), (40, 40, 45))
    if look.hat:
        _hat(canvas, look, brim=(_MID, 17))


def _hat(canvas: Canvas, look: Look, *, brim: Point) -> None:
    canvas.ellipse((_MID, 14), (21, 13), _dark(look.bottom, 120))
    canvas.capsule(
        (brim[0] - 18, brim[1] + 2), (brim[0] + 16, brim[1] + 2), 3, _dark(look.bottom, 95)
    )
