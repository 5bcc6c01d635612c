"""Long work: a job is frozen data in a folder, done in a process of its own.

A job folder holds `job.json` (what to do), `events.jsonl` (what happened), `log.txt` (what was printed), `process.json`
(who does it), `result.json` (the outcome) and, once asked for, `CANCEL`. Its state is read from these files alone, so a
window that was closed, or killed, finds every job again, also in a study that was moved.
"""

from ctworkbench.core.jobs.job import Event, Job, JobContext, JobState, read_events, read_job
from ctworkbench.core.jobs.process import end_with, run_job
from ctworkbench.core.jobs.runner import JobRunner

__all__ = ["Event", "Job", "JobContext", "JobRunner", "JobState", "end_with", "read_events", "read_job", "run_job"]
