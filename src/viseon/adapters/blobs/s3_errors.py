"""What an S3 client's errors mean to whoever set the server up."""

import re
from types import TracebackType

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from viseon.schema import Busy, NotFound, Unavailable, ViseonError

_KEYS = (
    "VISEON_S3_ACCESS_KEY and VISEON_S3_SECRET_KEY (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
)
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3} [A-Za-z ]{2,40})")


class spoken:  # noqa: N801 (used as a block: `with spoken(...)`)
    """A block whose S3 errors become ours: each names the setting at fault and the fix."""

    def __init__(self, bucket: str, endpoint: str, digest: str = "") -> None:
        self._bucket = bucket
        self._where = f"the S3 server at {endpoint}" if endpoint else "AWS S3"
        self._digest = digest

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, (BaseError, FileNotFoundError)):
            raise self._meant(error) from None

    def _meant(self, error: Exception) -> ViseonError:
        text = str(error).split("Debug source", 1)[0]
        found = _CODE.search(text)
        code = found[1] if found else ""
        if code == "NoSuchBucket":
            return Unavailable(
                f"blobs: {self._where} has no bucket {self._bucket!r}",
                fix="create the bucket, or correct VISEON_BLOBS",
            )
        if isinstance(error, FileNotFoundError):
            return NotFound(f"no blob {self._digest[:12]}…" if self._digest else "no such object")
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
            return Unavailable(
                f"blobs: {self._where} refused the credentials for bucket {self._bucket!r}"
                + (f" ({code})" if code else ""),
                fix=f"check {_KEYS}, and that they may list, read, write and delete there",
            )
        return self._general(str(error), text, code)

    def _general(self, full: str, text: str, code: str) -> ViseonError:
        if "169.254.169.254" in text:
            return Unavailable("blobs: no credentials for S3 were given", fix=f"set {_KEYS}")
        if "configured region" in text or code == "AuthorizationHeaderMalformed":
            return Unavailable(
                f"blobs: bucket {self._bucket!r} is in another region",
                fix="set VISEON_S3_REGION (or AWS_REGION) to the bucket's region",
            )
        if code in ("SlowDown", "ServiceUnavailable"):
            return Busy(f"{self._where} is overloaded ({code})", fix="try again later")
        status = _STATUS.search(text)
        if status is None and ("HttpError" in full or "error sending" in text):
            return Unavailable(
                f"blobs: {self._where} does not answer",
                fix="is it running? VISEON_S3_ENDPOINT says where it is",
            )
        return Unavailable(
            f"blobs: {self._where} answered {code or (status[1] if status else 'with an error')}",
            fix="look at the log of the S3 server",
        )
