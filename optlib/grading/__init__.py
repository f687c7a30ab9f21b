"""Grade exercise notebooks: run each answer in a process of its own, compare outside, report.

>>> from optlib.grading import grade, summary
>>> report = grade(["submissions.zip"], json="report.json")    # doctest: +SKIP
>>> print(report, summary(report))                             # doctest: +SKIP

Inputs are drawn afresh in each run; the seed stands in the report, and with it the same report can be made again.
Test cells in a submission are never run. Where the sandbox works it is used, and reports say `isolation: bubblewrap`;
without one (`isolation: none`) the files of the machine are open to an answer.
"""

from optlib.grading.grade import grade
from optlib.grading.pages import write_pages
from optlib.grading.report import Report, Submission, TaskResult
from optlib.grading.summary import summary
from optlib.grading.tables import merge_essays, write_essays, write_marks

__all__ = [
    "Report",
    "Submission",
    "TaskResult",
    "grade",
    "merge_essays",
    "summary",
    "write_essays",
    "write_marks",
    "write_pages",
]
