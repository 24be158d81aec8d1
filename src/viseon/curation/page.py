"""A health report as one HTML page with pictures in it; it opens without a network."""

import base64
from collections.abc import Iterator
from html import escape

from viseon.curation.text import heading
from viseon.ports import BlobStore, Images
from viseon.schema import Box, Digest, ViseonError
from viseon.schema.health import ClassCount, Health, HealthExample, HealthFinding, Resolution

THUMB_PX = 180
_SHOWN = 4
"""Pictures of one group."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --error: #d33; --warning: #c80; --note: #58a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 0; }
section { border-left: 4px solid var(--line); padding: .2rem 0 .2rem 1rem; margin: 1.5rem 0; }
section.error { border-color: var(--error); } section.warning { border-color: var(--warning); }
section.note { border-color: var(--note); }
.advice { opacity: .75; margin: .2rem 0 .6rem; }
.places { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; max-width: 46rem; } figcaption { font-size: .8rem; overflow-wrap: anywhere; }
figure svg { max-width: 100%; border-radius: 3px; background: #8882; margin-right: 2px; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: var(--note); height: .7rem; min-width: 1px; }
"""


def page(health: Health, blobs: BlobStore, images: Images) -> str:
    """The whole document. Pictures that cannot be decoded are left out."""
    return "\n".join(_document(health, _Thumbs(blobs, images)))


class _Thumbs:
    """Small pictures, each drawn once."""

    def __init__(self, blobs: BlobStore, images: Images) -> None:
        self._blobs, self._images = blobs, images
        self._made: dict[Digest, tuple[str, int, int] | None] = {}

    def svg(self, digest: Digest, box: Box | None) -> str:
        """An inline picture with its box; nothing where there is no picture."""
        if digest not in self._made:
            self._made[digest] = self._make(digest)
        made = self._made[digest]
        if made is None:
            return ""
        data, width, height = made
        scale = THUMB_PX / max(width, height)
        shown = (max(1, round(width * scale)), max(1, round(height * scale)))
        stroke = 2 / scale
        mark = ""
        if box is not None:
            x1, y1, x2, y2 = box
            mark = (
                f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" '
                f'fill="none" stroke="#f33" stroke-width="{stroke:.2f}"/>'
            )
        return (
            f'<svg width="{shown[0]}" height="{shown[1]}" viewBox="0 0 {width} {height}" '
            f'overflow="visible"><image width="{width}" height="{height}" '
            f'href="data:image/jpeg;base64,{data}"/>{mark}</svg>'
        )

    def _make(self, digest: Digest) -> tuple[str, int, int] | None:
        try:
            pixels = self._images.decode(self._blobs.get(digest))
        except ViseonError:
            return None
        height, width = pixels.shape[:2]
        scale = min(1.0, 2 * THUMB_PX / max(width, height))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = self._images.resize(pixels, *size)
        jpeg = self._images.encode(small, kind="jpeg", quality=75)
        return base64.b64encode(jpeg).decode(), width, height


def _document(health: Health, thumbs: _Thumbs) -> Iterator[str]:
    title = f"Health of {escape(health.dataset)}"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1><p>{escape(heading(health))}<br>"
    yield f"{health.created:%Y-%m-%d %H:%M} UTC"
    if health.fingerprint:
        yield f"<br><code>{health.fingerprint}</code>"
    yield "</p>"
    if not health.findings:
        yield "<p>Nothing to complain about.</p>"
    for finding in health.findings:
        yield from _finding(finding, thumbs)
    yield from _classes(health.classes)
    yield from _sizes(health.resolutions)
    yield "</body></html>"


def _finding(finding: HealthFinding, thumbs: _Thumbs) -> Iterator[str]:
    yield f'<section class="{finding.severity}" id="{finding.kind}">'
    yield f"<h2>{finding.count} {escape(finding.title)}</h2>"
    yield f'<p class="advice">{escape(finding.advice)}</p><div class="places">'
    for example in finding.examples:
        yield _figure(example, thumbs)
    yield "</div></section>"


def _figure(example: HealthExample, thumbs: _Thumbs) -> str:
    pictures = "".join(thumbs.svg(d, example.box) for d in example.digests[:_SHOWN])
    names = "<br>".join(escape(name) for name in example.filenames)
    said = f"<br>{escape(example.detail)}" if names and example.detail else escape(example.detail)
    return f"<figure>{pictures}<figcaption>{names}{said}</figcaption></figure>"


def _classes(classes: tuple[ClassCount, ...]) -> Iterator[str]:
    most = max((c.objects for c in classes), default=0)
    if not most:
        return
    yield "<h2>Classes</h2><table><tr><th>class<th>objects<th>samples<th>splits<th></tr>"
    for c in classes:
        splits = ", ".join(f"{n} {split or 'no split'}" for split, n in c.splits.items())
        yield (
            f'<tr><td>{escape(c.name)}<td class="n">{c.objects}<td class="n">{c.samples}'
            f"<td>{escape(splits)}"
            f'<td><div class="bar" style="width:{16 * c.objects / most:.2f}rem"></div></tr>'
        )
    yield "</table>"


def _sizes(resolutions: tuple[Resolution, ...]) -> Iterator[str]:
    if resolutions:
        yield "<h2>Sizes</h2><table>"
        for r in resolutions:
            yield f'<tr><td>{r.width} × {r.height}<td class="n">{r.samples}</tr>'
        yield "</table>"
