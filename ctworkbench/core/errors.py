"""Errors that a user can act upon."""


class WorkbenchError(Exception):
    """What went wrong, and what to do about it.

    Args:
        message: one sentence naming the file, series, subject or value at fault.
        remedy: one sentence that says what the user can do next; may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class VolumeError(WorkbenchError):
    """An image whose voxels or geometry cannot be used."""


class ImportRefused(WorkbenchError):  # noqa: N818 - the word that users read
    """A series or file that is not taken into a study."""


class NoScansError(WorkbenchError):
    """A step that has nothing to work on yet."""


class StudyError(WorkbenchError):
    """A study folder that cannot be made, opened or written."""


class ConflictError(WorkbenchError):
    """A save that came second: nothing was written and nothing was lost.

    Args:
        message: as for any error.
        remedy: as for any error.
        parent_id: the label map that both were drawn from, where the one who asked did not name it.
    """

    def __init__(self, message: str, remedy: str = "", parent_id: int | None = None) -> None:
        super().__init__(message, remedy)
        self.parent_id = parent_id


class ReaderError(WorkbenchError):
    """A verdict or a label map without the name of a reader."""


class JobError(WorkbenchError):
    """A job that failed, with the reason it gave."""


class ClusterError(WorkbenchError):
    """A cluster that cannot be used for jobs."""


class JobCancelled(Exception):  # noqa: N818 - it is a request, not a fault
    """Raised inside a job by `JobContext.progress` once the user has cancelled it."""
