"""A comparison as one HTML page with old and new boxes; it opens without a network."""

from collections.abc import Callable, Iterator, Mapping
from html import escape

from viseon.datasets.compare_crops import Crops
from viseon.datasets.compare_words import object_in_words
from viseon.ports import BlobStore, Images
from viseon.schema.comparison import ClassChange, Comparison, SampleChange, Turn

_NAMES = {
    "relabelled": "Other labels",
    "modified": "Other bytes",
    "added": "Added",
    "removed": "Removed",
    "moved": "Other split",
    "described": "Other metadata",
}
"""Kinds of changed files, in the order of the page."""

_SAID = 6
"""Objects named under a picture."""

_STYLE = """
:root { color-scheme: light dark; --old: #d9480f; --new: #0b7285; --line: #8884; --soft: #8881; }
@media (prefers-color-scheme: dark) { :root { --old: #ff922b; --new: #3bc9db; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto;
  padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .7rem; }
h2 small { font-weight: 400; opacity: .65; }
code { font-size: .85em; overflow-wrap: anywhere; }
.prints { opacity: .75; margin: .3rem 0 1.4rem; }
.old { color: var(--old); } .new { color: var(--new); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .8rem; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums;
  font-weight: 600; }
.tile.none { opacity: .45; }
.row { display: flex; flex-wrap: wrap; gap: 0 3.5rem; align-items: flex-start; }
table { border-collapse: collapse; }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid var(--soft);
  white-space: nowrap; }
th { font-weight: 500; opacity: .7; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: inline-block; height: .7rem; min-width: 2px; border-radius: 2px; }
.bar.less { background: var(--old); } .bar.more { background: var(--new); }
.left { text-align: right; padding-right: 2px; min-width: 6rem; }
.right { padding-left: 2px; min-width: 6rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.pictures { display: flex; gap: 2px; background: #1118; }
.pictures svg { display: block; flex: 1 1 0; min-width: 0; width: 100%; height: 13rem; }
.pictures p { margin: auto; padding: 1rem; color: #eee; }
figcaption { font-size: .83rem; padding: .5rem .7rem; }
figcaption ul { margin: .2rem 0 0; padding: 0; list-style: none; opacity: .85; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.note { opacity: .7; }
"""


def page(
    found: Comparison,
    blobs: BlobStore,
    images: Images | None,
    say: Callable[[float], None],
) -> str:
    """The whole document. Pictures that cannot be decoded are left out, and said to be."""
    return "\n".join(_document(found, Crops(blobs, images), say))


def _document(found: Comparison, crops: Crops, say: Callable[[float], None]) -> Iterator[str]:
    new = f"{found.dataset}@{found.new}" if found.new else f"{found.dataset}, not committed"
    old = f"{found.dataset}@{found.old}" if found.old else "nothing"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{old} → {escape(new)}</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<style>{_STYLE}</style></head><body>"
    yield f'<h1><span class="old">{old}</span> → <span class="new">{escape(new)}</span></h1>'
    yield '<p class="prints">'
    for name, print, drawn in (
        ("old", found.old_fingerprint, "dashed"), ("new", found.new_fingerprint, "solid")
    ):  # fmt: skip
        yield f'<code>{print or "no fingerprint"}</code> <span class="{name}">■ {name}, {drawn}'
        yield "</span><br>"
    yield "</p>"
    yield from _tiles(found)
    yield '<div class="row">'
    yield from _classes(found)
    yield from _turns("Objects of another class", found.between)
    yield from _turns("Files in another split", found.splits)
    yield from _class_list(found)
    yield "</div>"
    yield from _galleries(found, crops, say)
    yield "</body></html>"


def _tiles(found: Comparison) -> Iterator[str]:
    yield '<h2>Files</h2><div class="tiles">'
    named = {_NAMES[kind].lower(): found.files.get(kind, 0) for kind in _NAMES}
    yield from (_tile(count, name) for name, count in named.items())
    objects = found.objects
    yield '</div><h2>Objects</h2><div class="tiles">'
    yield _tile(objects.added, "added")
    yield _tile(objects.removed, "removed")
    yield _tile(objects.reclassified, "of another class")
    yield _tile(objects.moved, f"moved by more than {found.moved_px:g} px")
    yield _tile(objects.nudged, "moved by less")
    yield _tile(objects.edited, "of another shape or attribute")
    yield _tile(objects.renamed, "of a renamed class")
    yield "</div>"


def _tile(count: int, name: str) -> str:
    return f'<div class="tile{"" if count else " none"}"><b>{count:,}</b>{escape(name)}</div>'


def _classes(found: Comparison) -> Iterator[str]:
    if not found.classes:
        return
    most = max(max(_less(c), _more(c)) for c in found.classes) or 1
    yield "<div><h2>Classes</h2><table><tr><th>class"
    yield '<th class="n">removed<th class="n">left<th colspan=2><th class="n">added'
    yield '<th class="n">joined<th class="n">moved<th class="n">edited</tr>'
    for c in found.classes:
        less, more = 6 * _less(c) / most, 6 * _more(c) / most
        yield (
            f"<tr><td>{escape(c.name)}{_cell(c.removed)}{_cell(c.left)}"
            f'<td class="left">{_bar("less", less)}<td class="right">{_bar("more", more)}'
            f"{_cell(c.added)}{_cell(c.joined)}{_cell(c.moved)}{_cell(c.edited)}</tr>"
        )
    yield "</table></div>"


def _bar(kind: str, rem: float) -> str:
    return f'<span class="bar {kind}" style="width:{rem:.2f}rem"></span>' if rem else ""


def _less(c: ClassChange) -> int:
    return c.removed + c.left


def _more(c: ClassChange) -> int:
    return c.added + c.joined


def _cell(count: int) -> str:
    return f'<td class="n">{count or ""}'


def _turns(title: str, turns: tuple[Turn, ...]) -> Iterator[str]:
    if turns:
        yield f"<div><h2>{title}</h2><table>"
        for t in turns:
            yield (
                f'<tr><td class="old">{escape(t.old)}<td>→<td class="new">{escape(t.new)}'
                f"{_cell(t.count)}</tr>"
            )
        yield "</table></div>"


def _class_list(found: Comparison) -> Iterator[str]:
    listed = found.class_list
    lines = [f"renamed: {escape(a)} → {escape(b)}" for a, b in listed.renamed]
    lines += [f"added: {escape(name)}" for name in listed.added]
    lines += [f"removed: {escape(name)}" for name in listed.removed]
    lines += ["in another order: class ids differ"] if listed.reordered else []
    if lines:
        yield f"<div><h2>List of classes</h2>{'<br>'.join(lines)}</div>"


def _galleries(found: Comparison, crops: Crops, say: Callable[[float], None]) -> Iterator[str]:
    of_kind: Mapping[str, list[SampleChange]] = {kind: [] for kind in _NAMES}
    for change in found.changes:
        of_kind[change.kind].append(change)
    done = 0
    for kind, changes in of_kind.items():
        if not changes:
            continue
        total = found.files[kind]
        shown = "" if total == len(changes) else f" <small>{len(changes):,} of {total:,}</small>"
        yield f'<h2 id="{kind}">{_NAMES[kind]}{shown}</h2><div class="gallery">'
        for change in changes:
            yield _figure(change, crops)
            done += 1
            say(done / len(found.changes))
        yield "</div>"
    left = sum(found.files.values()) - len(found.changes)
    if left > 0:
        yield (
            f'<p class="note">{left:,} more changed files are not drawn; '
            f"<code>viseon diff --json</code> lists them all.</p>"
        )
    if not any(found.files.values()):
        yield '<p class="note">No file differs.</p>'


def _figure(change: SampleChange, crops: Crops) -> str:
    said = [escape(object_in_words(thing)) for thing in change.objects[:_SAID]]
    if len(change.objects) > _SAID:
        said.append(f"and {len(change.objects) - _SAID} more")
    if change.old and change.new and change.old_split != change.new_split:
        said.insert(0, f"{change.old_split} → {change.new_split}")
    digests = " → ".join(
        f'<code title="{d}">{d[:12]}</code>' for d in _hashes(change) if d is not None
    )
    return (
        f'<figure><div class="pictures">{crops.of(change)}</div><figcaption>'
        f'<div class="name">{escape(change.filename)}</div>{digests}'
        f"<ul>{''.join(f'<li>{line}</li>' for line in said)}</ul></figcaption></figure>"
    )


def _hashes(change: SampleChange) -> tuple[str | None, str | None]:
    """Of what differs."""
    if change.kind == "relabelled":
        return change.old_annotation, change.new_annotation
    return change.old, change.new if change.new != change.old else None
