"""Grade exercise notebooks: run each answer in a process of its own, compare outside, report.

>>> from optlib.grading import grade
>>> report = grade(["ada/01_gradient_descent.ipynb"], json="report.json")    # doctest: +SKIP
>>> print(report)                                                           # doctest: +SKIP

Inputs are drawn afresh in each run; the seed stands in the report, and with it the same report can be made again.
Test cells in a submission are never run. Without a sandbox (`isolation: none`) this stops accidents, not attacks.
"""

from optlib.grading.grade import grade
from optlib.grading.report import Report, Submission, TaskResult

__all__ = ["Report", "Submission", "TaskResult", "grade"]
