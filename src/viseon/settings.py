"""What can be set, by the environment or by whoever builds a house."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from viseon.schema import Invalid, Noun


class Settings(Noun):
    """Everything that differs between two installations. Read from `VISEON_<NAME>`."""

    home: Path = Path("~/.viseon")
    """Where everything is kept unless said otherwise."""
    database: str = ""
    """A SQLAlchemy URL; empty means SQLite in `home`."""
    blobs: str = ""
    """`s3://bucket/prefix`; empty means a folder in `home`."""
    s3_endpoint: str = ""
    """Where the S3 server is, if not AWS. This and the next three may come from `AWS_…` instead."""
    s3_region: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = Field(default="", repr=False)
    encryption_key: Path | None = None
    """A file with 256 bits: bytes are encrypted before they are stored."""
    auth: Literal["open", "token"] = "open"
    """`open` trusts everybody who can reach the port: only for this machine."""
    jobs: Literal["process", "inline"] = "process"
    fetch_hosts: str = ""
    """Hosts, separated by commas, from which predictions may fetch pictures; empty means none."""
    models_mb: float = Field(default=4096, gt=0, allow_inf_nan=False)
    """Memory that deployed models may take before idle ones are unloaded."""
    pictures_mb: float = Field(default=1024, gt=0, allow_inf_nan=False)
    """Memory that the pictures of all predictions may take; more are refused."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: object) -> "Settings":
        """From the environment, then from what is `given`. Raises Invalid naming the setting."""
        found = os.environ if environment is None else environment
        names = {f"VISEON_{name.upper()}": name for name in cls.model_fields}
        values: dict[str, object] = {names[k]: v for k, v in found.items() if k in names and v}
        values |= {name: value for name, value in given.items() if value is not None}
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise Invalid.because(error.errors()[0], where="setting ") from error
        return settings.model_copy(update={"home": settings.home.expanduser().absolute()})

    @property
    def environment(self) -> dict[str, str]:
        """The same settings for a child process; empty ones too, lest it inherits others."""
        said = ((name, "" if value is None else str(value)) for name, value in self)
        return {f"VISEON_{name.upper()}": value for name, value in said}
