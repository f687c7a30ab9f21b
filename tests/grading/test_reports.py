"""What instructors and students get: marks, essays, pages, a summary of the class."""

import csv

import pytest

from optlib import cli
from optlib.grading import Report, grade, merge_essays, summary, write_essays, write_marks, write_pages

ESSAY = "=HYPERLINK('x') because the steepest direction decides, <b>always</b>."


@pytest.fixture
def report(submit, tmp_path):
    paths = [
        submit({"99.3": "def best_rate(L, mu):\n    return 1 / L", "99.4": "lr = 0.25", "99.5": ESSAY}, "ada"),
        submit(
            {"99.3": "def best_rate(L, mu):\n    return 1 / L", "99.5": "*Your answer here.*"}, "<script>/../bob"[:8]
        ),
        tmp_path / "absent.ipynb",
    ]
    return grade(paths, seed=1)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_marks_have_nbgraders_columns_and_no_silent_zero(report, tmp_path):
    write_marks(report, tmp_path / "marks.csv")
    head = (tmp_path / "marks.csv").read_text().splitlines()[0]
    columns = "assignment,duedate,timestamp,student_id,last_name,first_name,email"
    assert head == f"{columns},raw_score,late_submission_penalty,score,max_score"
    ada, bob, absent = table(tmp_path / "marks.csv")
    assert (ada["student_id"], ada["assignment"], ada["score"], ada["max_score"]) == ("ada", "99", "2", "15")
    assert (bob["score"], absent["score"], absent["raw_score"]) == ("1", "", "")


def test_essays_are_collected_read_and_merged_back(report, tmp_path):
    essays = tmp_path / "essays.csv"
    assert write_essays(report, essays) == 1
    (row,) = table(essays)
    assert (row["student"], row["task"], row["max_points"], row["points"]) == ("ada", "99.5", "5", "")
    assert row["text"] == "'" + ESSAY  # no spreadsheet computes it
    assert "names the curvature" in row["rubric"]
    assert merge_essays(report, essays) == report  # not read yet
    fill(essays, row, points="3,5", comment="Good; say what a step does.")
    merged = merge_essays(report, essays)
    task = merged.submissions[0].tasks[4]
    assert (task.points, task.message) == (3.5, "Read by a person. Good; say what a step does.")
    assert merged.submissions[0].score == 5.5
    assert "more to be given by hand" not in str(merged)


def fill(path, row, **given):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row | given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": "6"}, "between 0 and 5"),
        ({"points": "nan"}, "between 0 and 5"),
        ({"points": "good"}, "must be a number"),
        ({"points": "1", "sha256": "0"}, "has no essay 99.5"),
    ],
)
def test_points_that_cannot_be_given_are_refused(report, tmp_path, given, message):
    essays = tmp_path / "essays.csv"
    write_essays(report, essays)
    fill(essays, table(essays)[0], **given)
    with pytest.raises(ValueError, match=message):
        merge_essays(report, essays)


def test_marks_by_hand_reach_the_report_on_disk(submit, tmp_path, capsys):
    path, essays, json = submit({"99.5": ESSAY}), tmp_path / "essays.csv", tmp_path / "report.json"
    assert cli.main(["grade", str(path), "--json", str(json), "--essays", str(essays), "--jobs", "1"]) == 0
    fill(essays, table(essays)[0], points="4")
    command = ["grade", "--merge", str(essays), "--json", str(json), "--csv", str(tmp_path / "marks.csv")]
    assert cli.main([*command, "--html", str(tmp_path / "pages")]) == 0
    assert Report.read(json).submissions[0].score == 4
    assert table(tmp_path / "marks.csv")[0]["score"] == "4"
    assert "read by a person" in (tmp_path / "pages" / "ada.html").read_text()
    json.write_text("{}")
    assert cli.main(command) == 2
    assert "no report" in capsys.readouterr().err


def test_each_student_has_a_page_in_which_nothing_runs(report, tmp_path):
    assert write_pages(report, tmp_path / "pages") == 3
    pages = sorted((tmp_path / "pages").iterdir())
    assert len(pages) == 3 and all(page.parent == tmp_path / "pages" for page in pages)
    ada = (tmp_path / "pages" / "ada.html").read_text()
    assert "2 of 15 points, 5 more to be given by hand" in ada
    assert "That is safe, not best" in ada
    assert not any("<script" in page.read_text() for page in pages)
    assert any("could not be graded: there is no such file" in page.read_text() for page in pages)


def test_the_summary_names_the_classs_most_frequent_mistakes(report):
    text = summary(report)
    assert "2 graded" in text
    assert "99.4   50% correct; no answer found 1" in text
    assert "2  99.3  That is safe, not best: the slowest direction could go faster." in text
