"""The promise that a laptop install without torch stays small."""

import re
from importlib import metadata

LIMIT_MB = 400


def closure(name, seen):
    """Every distribution that a base install of `name` brings along."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    try:
        found = metadata.distribution(key)
    except metadata.PackageNotFoundError:
        return  # for another platform or Python
    seen[key] = found
    for text in found.requires or []:
        wanted, _, marker = text.partition(";")
        if "extra ==" in marker or ("python_version" in marker and "<" in marker):
            continue
        closure(re.match(r"[A-Za-z0-9._-]+", wanted.strip())[0], seen)


def size_mb(distribution):
    files = distribution.files or []
    return sum(p.stat().st_size for f in files if (p := f.locate()).is_file()) / 1e6


def test_a_base_install_stays_below_400_mb_and_has_no_torch():
    seen = {}
    closure("viseon", seen)
    assert {"numpy", "onnxruntime", "opencv-python-headless", "fastapi"} <= set(seen)
    assert not {"torch", "scipy", "pillow", "pandas"} & set(seen)
    sizes = {name: size_mb(d) for name, d in seen.items()}
    assert sum(sizes.values()) < LIMIT_MB, sorted(sizes.items(), key=lambda i: -i[1])[:10]
