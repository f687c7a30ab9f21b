"""W5: from a key pressed on a slider to the new picture, in JupyterLab and Chromium: ours, ipympl, inline redraw.

The same frame (contours, trajectory, loss curve of the bowl) in one notebook, the three in turn, one key at a time.
Needs playwright and Chromium (tests/browser/requirements.txt), and ipympl for its row.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

ROUNDS = 40
GOALS = {"ipympl": 2.0, "inline": 3.0}

SETUP = """
from IPython.display import display
import ipywidgets
from matplotlib.figure import Figure
from optlib import SGD, explore
from optlib.explore.steps import LandscapeFrame
from optlib.plots import style

def slider():
    return ipywidgets.FloatLogSlider(value=0.1, min=-4, max=1, step=0.02, description="lr")

frame = LandscapeFrame("bowl", (("SGD", SGD),))
"""

CELLS = {
    "ours": "explore.landscape('bowl')",
    # what a notebook does without further thought: a new figure for every value
    "inline": """
%matplotlib inline
def redraw(lr):
    with style():
        figure = Figure(figsize=frame.size, dpi=100)
        frame.frame(frame.draw(figure), lr=lr, condition=10.0)
        display(figure)
lr = slider()
ipywidgets.VBox([lr, ipywidgets.interactive_output(redraw, {"lr": lr})])
""",
    # the interactive back end, used well: artists are updated, the figure stays
    "ipympl": """
%matplotlib widget
import matplotlib.pyplot as plt
with style(), plt.ioff():
    figure = plt.figure(figsize=frame.size)
    artists = frame.draw(figure)
    frame.frame(artists, lr=0.1, condition=10.0)
def update(change):
    frame.frame(artists, lr=change["new"], condition=10.0)
    figure.canvas.draw_idle()
lr = slider()
lr.observe(update, "value")
ipywidgets.VBox([lr, figure.canvas])
""",
}

# A key sets the clock; a picture that has loaded, or has been painted on a canvas, reads it.
WATCH = """() => {
    const clock = window.optlibClock = {pressed: 0, shown: 0, pictures: 0};
    const shown = () => { clock.shown = performance.now(); clock.pictures += 1; };
    document.addEventListener('keydown', () => { clock.pressed = performance.now(); clock.shown = 0; }, true);
    document.addEventListener('load', event => { if (event.target.tagName === 'IMG') shown(); }, true);
    const paint = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...given) {
        paint.apply(this, given);
        if (this.canvas.isConnected) shown();
    };
}"""


def measure(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Milliseconds from key to picture, by technique, measured in turn in one notebook."""
    from live_lab import running

    names = [name for name in CELLS if name != "ipympl" or importlib.util.find_spec("ipympl")]
    times: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        with running(files) as lab, lab.open(lab.write("latency.ipynb", SETUP, *(CELLS[n] for n in names))) as notebook:
            notebook.run_all()
            if notebook.errors():
                raise RuntimeError("\n".join(notebook.errors()))
            handles = dict(zip(names, _handles(notebook, len(names)), strict=True))
            notebook.page.evaluate(WATCH)
            for i in range(rounds + 3):
                for name, handle in handles.items():
                    handle.scroll_into_view_if_needed()
                    handle.focus()
                    notebook.idle(0.1)
                    # to and fro, so that the frames stay alike
                    notebook.page.keyboard.press("ArrowRight" if i % 2 else "ArrowLeft")
                    notebook.page.wait_for_function("window.optlibClock.shown > 0")
                    notebook.idle(0.1)
                    spent = notebook.page.evaluate("window.optlibClock.shown - window.optlibClock.pressed")
                    if i >= 3:  # the first ones warm up
                        times[name].append(spent)
    return times


def _handles(notebook, cells: int):
    """The first slider of each cell that has one."""
    outputs = notebook.page.locator(".jp-OutputArea-output:has(.noUi-handle)")
    outputs.nth(cells - 1).wait_for(state="attached")
    return [outputs.nth(i).locator(".noUi-handle").first for i in range(cells)]


def main() -> None:
    absent = [name for name in ("playwright",) if importlib.util.find_spec(name) is None]
    if absent or not any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        print("W5 not measured: it needs playwright (tests/browser/requirements.txt) and Chromium on the PATH")
        return
    times = measure()
    ours = statistics.median(times["ours"])
    print(f"\nFrom key to picture in JupyterLab (median of {ROUNDS}, in turn, wall clock)")
    for name, spent in times.items():
        middle = statistics.median(spent)
        low, high = statistics.quantiles(spent, n=10)[0], statistics.quantiles(spent, n=10)[-1]
        goal = GOALS.get(name)
        verdict = "" if goal is None else f"   ours is {middle / ours:.2g}x faster   goal {goal:g}x: "
        verdict += "" if goal is None else "met" if middle / ours >= goal else "NOT MET"
        print(f"  {name:<10} {middle:7.0f} ms  [{low:.0f}, {high:.0f}]{verdict}")
    if "ipympl" not in times:
        print("  ipympl is not installed, so its row is missing")


if __name__ == "__main__":
    main()
