"""A Dask cluster grades with the same code, and gives the same marks."""

import json
from pathlib import Path

import pytest

from optlib.grading import grade

ROOT = Path(__file__).parents[2]


@pytest.mark.cluster
def test_a_dask_cluster_grades_with_the_same_marks(tmp_path):
    from distributed import Client, LocalCluster

    solution = json.loads((ROOT / "solutions" / "01_gradient_descent.ipynb").read_text())
    for student in ("ada", "bob"):
        folder = tmp_path / student
        folder.mkdir()
        if student == "bob":
            cell = next(cell for cell in solution["cells"] if cell["metadata"].get("optlib", {}).get("task") == "01.1")
            cell["source"] = "import os\nos._exit(1)"
        (folder / "01_gradient_descent.ipynb").write_text(json.dumps(solution))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        report = grade(tmp_path, seed=3, executor=executor)
    assert report == grade(tmp_path, seed=3)
    assert [submission.status for submission in report.submissions] == ["ok", "ok"]
    assert "died" in {task.status for task in report.submissions[1].tasks}
