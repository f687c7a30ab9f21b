"""Hand the course out with the tools that a school already runs; the command is `optlib release`.

>>> from optlib.release import nbgrader, students, gradescope, github
>>> nbgrader(root, "my-class")                  # an nbgrader course directory          # doctest: +SKIP
>>> students(root, "hand-out")                  # a zip without solutions or references # doctest: +SKIP
>>> gradescope(root, "gradescope")              # one autograder zip a chapter          # doctest: +SKIP
>>> github(root, "github")                      # a template and the grader it calls    # doctest: +SKIP

Each writes into a folder and returns what it wrote. A file that is there already and differs is kept, and named.
"""

from optlib.release.files import Released
from optlib.release.github import github
from optlib.release.gradescope import gradescope
from optlib.release.nbgrader import marks, nbgrader
from optlib.release.students import students

__all__ = ["Released", "github", "gradescope", "marks", "nbgrader", "students"]
