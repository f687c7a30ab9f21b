import pytest
from live_lab import running


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab on an empty folder, in Chromium."""
    folder = tmp_path_factory.mktemp("lab") / "files"
    folder.mkdir()
    with running(folder) as started:
        yield started
