"""The operations that compare versions."""

from typing import Annotated

from pydantic import Field

from viseon.datasets.compare import Asked, compare, sample_of_each
from viseon.datasets.compare_page import page
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Images, Report
from viseon.schema import Name, Resources, Role
from viseon.schema.comparison import Comparison, DrawnComparison

Old = Annotated[int, Field(ge=0)]
"""0 is before the first version."""
New = Annotated[int, Field(ge=1)] | None
Pixels = Annotated[float, Field(ge=0)]
Few = Annotated[int, Field(ge=0, le=1000)]


class Comparing:
    """What `Datasets` can say about two versions."""

    _catalog: Catalog
    _blobs: BlobStore
    _images: Images | None

    @operation("GET", "/datasets/{dataset}/comparison", needs=Role.VIEWER)
    def compare(
        self,
        dataset: Name,
        *,
        old: Old,
        new: New = None,
        moved_px: Pixels = 2.0,
        cursor: str = "",
        limit: Limit = 100,
    ) -> Comparison:
        """What changed between two versions, object by object, with totals per class.

        Without `new`: what a commit would freeze now. A box counts as moved when one of its sides
        moved by more than `moved_px`. Objects are matched by id, then by overlap.
        """
        asked = Asked(dataset, old, new, moved_px)
        with self._catalog.read() as records:
            return compare(records, asked, cursor=cursor, limit=limit)

    @operation(
        "POST",
        "/datasets/{dataset}/comparisons",
        needs=Role.LABELER,
        takes=Resources(cores=1, ram_mb=500),
    )
    def draw_comparison(
        self,
        dataset: Name,
        *,
        old: Old,
        new: New = None,
        moved_px: Pixels = 2.0,
        pictures: Few = 60,
        report: Report,
    ) -> DrawnComparison:
        """The same as one HTML page with old and new boxes on the pictures that changed.

        `pictures` is how many files are drawn at most, some of each kind of change. The answer's
        `page` is a blob.
        """
        asked = Asked(dataset, old, new, moved_px)
        with self._catalog.read() as records:
            found = sample_of_each(records, asked, most=pictures)
        drawn = page(
            found, self._blobs, self._images, lambda done: report.progress(done, "drawing")
        )
        return DrawnComparison(comparison=found, page=self._blobs.put(drawn.encode()))
