"""Work that outlives a request, and who may start now."""

from viseon.jobs.dispatch import Dispatcher, Heart
from viseon.jobs.follow import follow
from viseon.jobs.governor import admit
from viseon.jobs.once import OnceByCatalog
from viseon.jobs.service import Jobs
from viseon.jobs.worker import JobReport, work

__all__ = ["Dispatcher", "Heart", "JobReport", "Jobs", "OnceByCatalog", "admit", "follow", "work"]
