"""The shop, its pavement and what stands about: drawn once for a size and a style."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseon.scene.chance import Chance, grain
from viseon.scene.paint import Canvas, Color, Pixels, Stamp, Summed, darken, stick

Whole = NDArray[np.int64]
WIDTH, HEIGHT = 640, 360
"""The scene's own units; any picture size is a multiple or fraction of it."""
WALL_Y = 205
"""Where the wall meets the pavement; whoever stands above is inside, seen through the door."""
DOOR = (262, 84, 378, WALL_Y)
"""The opening: x0, y0, x1, y1."""
HORIZON_Y = -35
PAVEMENT_Y = 332
_VANISH_X = WIDTH // 2

_GLYPHS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1e11111111111e",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101711110e", "H": "1111111f111111",
    "I": "0e04040404040e", "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111",
    "N": "11191513111111", "O": "0e11111111110e", "P": "1e11111e101010", "R": "1e11111e141211",
    "S": "0f10100e01011e", "T": "1f040404040404", "U": "1111111111110e", "V": "11111111110a04",
    "W": "1111111515150a", " ": "00000000000000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Style:
    """What a street looks like; equal styles give equal pictures."""

    wall: Color = (108, 128, 168)
    bricks: bool = True
    awning: Color = (62, 52, 176)
    sign: Color = (70, 62, 34)
    name: str = "VISEON MARKET"
    interior: Color = (150, 200, 235)
    glass: Color = (150, 128, 96)
    tiles: Color = (158, 166, 172)
    tile: int = 150
    """Edge of a paving stone in 1/256 of the height of a person's hip."""
    things: bool = True
    """Lamp post, planters and the parked cart."""
    salt: int = 7


NAMES = ("VISEON MARKET", "CAFE", "BOOKS", "BAKERS DOZEN", "FLOWERS", "TOOLS AND MORE")
_WALLS: tuple[Color, ...] = (
    (108, 128, 168), (150, 160, 170), (120, 140, 130),
    (96, 100, 112), (175, 190, 200), (90, 105, 150),
)  # fmt: skip
_AWNINGS: tuple[Color, ...] = (
    (62, 52, 176), (110, 120, 40), (60, 130, 190), (120, 70, 60), (80, 80, 85), (70, 140, 70),
)  # fmt: skip
_TILES: tuple[Color, ...] = (
    (158, 166, 172), (135, 138, 140), (170, 185, 196), (120, 130, 142), (150, 160, 150),
)  # fmt: skip


def varied(chance: Chance) -> Style:
    """Another street."""
    return Style(
        wall=chance.pick(_WALLS),
        bricks=chance.percent(60),
        awning=chance.pick(_AWNINGS),
        sign=chance.pick(((70, 62, 34), (40, 40, 45), (60, 90, 40), (90, 50, 90))),
        name=chance.pick(NAMES),
        interior=chance.pick(((150, 200, 235), (190, 205, 215), (120, 160, 190), (170, 190, 160))),
        glass=chance.pick(((150, 128, 96), (120, 110, 100), (170, 150, 120))),
        tiles=chance.pick(_TILES),
        tile=chance.between(90, 220),
        things=chance.percent(70),
        salt=chance.below(1 << 20),
    )


@lru_cache(maxsize=48)
def background(width: int, height: int, style: Style) -> Pixels:
    """The empty street (height, width, 3), without what may hide people; read-only."""
    canvas = Canvas(WIDTH, HEIGHT, scale=(2, 1))
    _wall(canvas, style)
    _window(canvas, style, 40, 236)
    _window(canvas, style, 404, 600)
    _door(canvas, style)
    _sign(canvas, style)
    ground = _pavement(style)
    canvas.pixels[2 * WALL_Y :, :, :3] = ground
    canvas.pixels[..., 3] = 255
    picture = Summed(canvas.pixels).at_size(width, height).color.astype(np.uint8)
    darken(picture, (width // 2, height * WALL_Y // HEIGHT), (width * 5 // 8, height // 16), 35)
    if style.things:
        for thing in things(width, height):
            darken(picture, thing.foot, thing.shadow, 45)
    picture.flags.writeable = False
    return picture


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Something that stands on the pavement and hides who is behind it."""

    stamp: Stamp
    foot: tuple[int, int]
    """Its bottom middle, in pixels."""
    ground: int
    """Its depth, in the scene's units."""
    shadow: tuple[int, int]

    def onto(self, picture: Pixels) -> None:
        """Draw it."""
        w, h = self.stamp.size
        stick(picture, self.stamp, self.foot[0] - w // 2, self.foot[1] - h)


@lru_cache(maxsize=16)
def things(width: int, height: int) -> tuple[Thing, ...]:
    """Everything that stands about, from far to near."""
    made = []
    for draw, x, ground, w, h in (
        (_planter, 240, 216, 30, 50),
        (_planter, 401, 216, 30, 50),
        (_cart, 548, 292, 92, 84),
        (_post, 150, 318, 26, 300),
    ):
        canvas = Canvas(w, h, scale=(4, 1))
        draw(canvas)
        pixel_w, pixel_h = max(1, w * width // WIDTH), max(1, h * height // HEIGHT)
        made.append(
            Thing(
                Summed(canvas.pixels).at_size(pixel_w, pixel_h),
                (x * width // WIDTH, ground * height // HEIGHT),
                ground,
                (min(w, 60) * width * 2 // (3 * WIDTH), 6 * height // HEIGHT),
            )
        )
    return tuple(made)


def _tint(color: Color, percent: int) -> Color:
    blue, green, red = (min(255, part * percent // 100) for part in color)
    return blue, green, red


def _wall(canvas: Canvas, style: Style) -> None:
    canvas.gradient((0, 0, WIDTH, WALL_Y), _tint(style.wall, 92), _tint(style.wall, 108))
    h, w = 2 * WALL_Y, 2 * WIDTH
    y, x = np.arange(h)[:, None], np.arange(w)[None]
    row = y // 14
    column = (x + row % 2 * 16) // 32
    wall = canvas.pixels[:h]
    if style.bricks:
        tone = grain(column, row, style.salt) - 128
        shade = np.where((y % 14 < 2) | ((x + row % 2 * 16) % 32 < 2), 22, tone * 16 // 128)
    else:
        shade = (grain(x // 3, y // 3, style.salt) - 128) * 7 // 128
    shade = shade + (grain(x, y, style.salt + 1) - 128) * 5 // 128
    wall[..., :3] = np.clip(wall[..., :3].astype(np.int32) + shade[..., None], 0, 255)
    canvas.rectangle(0, 186, WIDTH, WALL_Y, _tint(style.tiles, 62))
    canvas.rectangle(0, 186, WIDTH, 188, _tint(style.tiles, 90))


def _window(canvas: Canvas, style: Style, x0: int, x1: int) -> None:
    canvas.rectangle(x0 - 5, 80, x1 + 5, 188, _tint(style.sign, 80))
    canvas.gradient((x0, 84, x1, 183), _tint(style.glass, 60), _tint(style.interior, 88))
    chance = Chance(style.salt, x0)
    for shelf in (128, 160):
        canvas.rectangle(x0 + 6, shelf, x1 - 6, shelf + 3, _tint(style.sign, 120))
        x = x0 + 12
        while x < x1 - 26:
            w, h = chance.between(8, 18), chance.between(8, 24)
            color = (chance.between(60, 220), chance.between(60, 220), chance.between(60, 220))
            if chance.percent(40):
                canvas.ellipse((x + w // 2, shelf - h // 2), (w // 2, h // 2), color)
            else:
                canvas.rectangle(x, shelf - h, x + w, shelf, color)
                canvas.rectangle(x, shelf - h, x + 2, shelf, _tint(color, 125))
            x += w + chance.between(5, 16)
    _glaze(canvas, style, x0, x1)


def _glaze(canvas: Canvas, style: Style, x0: int, x1: int) -> None:
    """The glazing bar and the sky's reflection."""
    middle = (x0 + x1) // 2
    canvas.rectangle(middle - 2, 84, middle + 2, 183, _tint(style.sign, 80))
    top = canvas.pixels[2 * 84 : 2 * 183, 2 * x0 : 2 * x1]
    y, x = np.arange(top.shape[0])[:, None], np.arange(top.shape[1])[None]
    streak = ((x + y) % 150 < 46) & ((x + y) % 150 > 6)
    lifted = top[..., :3].astype(np.int32) * 15 // 16 + 15
    top[..., :3] = np.where(streak[..., None], np.minimum(255, lifted + 12), top[..., :3])


def _door(canvas: Canvas, style: Style) -> None:
    x0, y0, x1, y1 = DOOR
    light = style.interior
    canvas.rectangle(x0 - 6, y0 - 2, x1 + 6, y1, _tint(style.sign, 80))
    canvas.gradient((x0, y0, x1, 156), _tint(light, 72), _tint(light, 96))
    canvas.gradient((x0, 156, x1, y1), _tint(light, 66), _tint(light, 84))
    canvas.rectangle(x0, 155, x1, 157, _tint(light, 60))
    for shelf in (112, 128, 144):
        canvas.rectangle(x0 + 8, shelf, x1 - 8, shelf + 2, _tint(light, 52))
        chance = Chance(style.salt, shelf)
        for x in range(x0 + 11, x1 - 18, 9):
            color = (chance.between(90, 200), chance.between(90, 200), chance.between(90, 210))
            canvas.rectangle(x, shelf - chance.between(5, 10), x + 6, shelf, color)
    for x in (x0 + 24, (x0 + x1) // 2, x1 - 24):
        canvas.rectangle(x - 1, y0, x + 1, y0 + 6, (60, 60, 60))
        canvas.ellipse((x, y0 + 8), (6, 4), (215, 245, 255))
    canvas.rectangle(x0, y0, x0 + 4, y1, _tint(style.glass, 120))
    canvas.rectangle(x1 - 4, y0, x1, y1, _tint(style.glass, 120))


def _sign(canvas: Canvas, style: Style) -> None:
    canvas.rectangle(120, 14, 520, 50, _tint(style.sign, 70))
    canvas.rectangle(123, 16, 517, 47, style.sign)
    left = WIDTH // 2 - len(style.name) * 9
    for at, letter in enumerate(style.name):
        rows = bytes.fromhex(_GLYPHS.get(letter, _GLYPHS[" "]))
        for row, bits in enumerate(rows):
            for column in range(5):
                if bits >> (4 - column) & 1:
                    x, y = left + at * 18 + column * 3, 21 + row * 3
                    canvas.rectangle(x, y, x + 3, y + 3, (205, 235, 245))
    for x in range(28, 612, 16):
        pale = (x - 28) // 16 % 2
        color = (226, 232, 236) if pale else style.awning
        canvas.polygon(((x + 4, 54), (x + 16 + 4, 54), (x + 16, 78), (x, 78)), color)
        canvas.ellipse((x + 8, 78), (8, 5), _tint(color, 88))
    canvas.rectangle(30, 52, 612, 55, _tint(style.awning, 80))


def _pavement(style: Style) -> Pixels:
    """The ground from the wall down, at twice the scene's units."""
    y = np.arange(2 * WALL_Y, 2 * HEIGHT, dtype=np.int64)[:, None]
    x = np.arange(2 * WIDTH, dtype=np.int64)[None]
    road = (y >= 2 * PAVEMENT_Y + 12) & (x >= 0)
    kerb = (y >= 2 * PAVEMENT_Y) & ~road
    asphalt = 78 + (grain(x, y, style.salt + 4) - 128) * 12 // 128
    asphalt[(y >= 2 * 349) & (y < 2 * 353) & ((x // 130) % 2 == 0)] += 110
    mat = (y > 2 * 207) & (y < 2 * 214) & (abs(x - 2 * _VANISH_X) < 2 * 46)
    ground = np.array(style.tiles, np.int64) + _stones(x, y, style)[..., None]
    ground[kerb] = ground[kerb] * 5 // 4
    ground[road] = asphalt[road][:, None]
    ground[mat] = ground[mat] // 2 + 12
    flat: Pixels = np.clip(ground, 0, 255).astype(np.uint8)
    return flat


def _stones(x: Whole, y: Whole, style: Style) -> Whole:
    """How much lighter or darker the paving is at each point."""
    depth = 22_000_000 // (y - 2 * HORIZON_Y)
    across = (x - 2 * _VANISH_X) * depth // 560
    size = style.tile * 96
    tone = grain(across // size, depth * 3 // size, style.salt + 2) - 128
    joint = (across % size * 18 < size) | (depth * 3 % size * 12 < size)
    shade = np.where(joint, -20, tone * 11 // 128) + (y - 2 * WALL_Y) // 22
    speckled: Whole = shade + (grain(x, y, style.salt + 3) - 128) * 7 // 128
    return speckled


def _planter(canvas: Canvas) -> None:
    for at, (x, y, r) in enumerate(
        ((15, 14, 12), (8, 20, 8), (22, 20, 8), (15, 24, 10), (11, 10, 6))
    ):
        canvas.ellipse((x, y), (r, r), (48 + at * 6, 105 + at * 9, 62 + at * 4))
    canvas.polygon(((5, 28), (25, 28), (22, 50), (8, 50)), (58, 82, 140))
    canvas.rectangle(4, 27, 26, 31, (70, 98, 160))


def _cart(canvas: Canvas) -> None:
    canvas.polygon(((4, 20), (46, 2), (88, 20)), (70, 70, 190))
    canvas.polygon(((18, 20), (46, 2), (32, 20)), (235, 235, 240))
    canvas.polygon(((60, 20), (46, 2), (74, 20)), (235, 235, 240))
    canvas.rectangle(10, 18, 13, 46, (90, 90, 95))
    canvas.rectangle(79, 18, 82, 46, (90, 90, 95))
    canvas.rectangle(6, 44, 86, 72, (160, 205, 225))
    canvas.rectangle(6, 44, 86, 48, (190, 228, 242))
    canvas.rectangle(14, 53, 78, 66, (88, 150, 80))
    for x in (24, 68):
        canvas.ellipse((x, 74), (10, 10), (45, 45, 48))
        canvas.ellipse((x, 74), (6, 6), (150, 155, 160))


def _post(canvas: Canvas) -> None:
    canvas.capsule((13, 12), (13, 292), 3, (62, 66, 62))
    canvas.rectangle(12, 12, 13, 290, (98, 102, 98))
    canvas.ellipse((13, 294), (8, 5), (58, 62, 58))
    canvas.ellipse((13, 10), (10, 10), (200, 235, 245))
