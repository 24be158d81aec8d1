"""What this library refuses: every error is a ValueError that names the argument."""


class VisionError(ValueError):
    """Input that cannot be right; the message names the argument and the fix."""


class BadDetections(VisionError):
    """Columns that disagree, boxes that are not boxes, or scores that are not numbers."""


class BadGeometry(VisionError):
    """A line, polygon or homography that has no meaning."""


class OutOfOrder(VisionError):
    """A frame whose time lies before the last one's."""
