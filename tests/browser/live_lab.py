"""JupyterLab on this machine's loopback, seen through Chromium, as a learner uses it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

CURRENT = "window.jupyterapp?.shell?.currentWidget"


class LiveLab:
    """A running JupyterLab whose files lie in ``folder``."""

    def __init__(self, folder: Path, url: str, token: str, browser: Any) -> None:
        self.folder = folder
        self.url = url
        self.token = token
        self.browser = browser

    def write(self, name: str, *cells: str) -> str:
        """A notebook of these code cells; returns its name."""
        # without a kernelspec a dialog asks for one
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)
        return name

    @contextlib.contextmanager
    def open(self, name: str, *, dark: bool = False, scale: float = 1.0) -> Iterator[Notebook]:
        """A notebook in a fresh browser window, its kernel idle."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 1000}, device_scale_factor=scale)
        page = context.new_page()
        page.set_default_timeout(30_000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        try:
            page.goto(f"{self.url}/lab/tree/{name}?reset&token={self.token}")
            # a run-all sent before the kernel is idle is dropped in silence
            page.wait_for_function(f"{CURRENT}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000)
            theme = "JupyterLab Dark" if dark else "JupyterLab Light"
            page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
            page.evaluate("window.jupyterapp.commands.execute('apputils:dismiss-all-notifications').catch(() => null)")
            page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            yield Notebook(page, problems)
        finally:
            with contextlib.suppress(Exception):
                page.evaluate(f"{CURRENT}.sessionContext.shutdown()")
            context.close()


class Notebook:
    """An open notebook."""

    def __init__(self, page: Any, problems: list[str]) -> None:
        self.page = page
        self.problems = problems

    def run_all(self, timeout: float = 120) -> None:
        """Run every cell and wait until the kernel is idle again."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(
            f"""() => {{
                const cells = [...{CURRENT}.content.model.cells].filter(cell => cell.type === 'code');
                const kernel = {CURRENT}.sessionContext.session.kernel;
                return kernel.status === 'idle' && cells.every(
                    cell => cell.executionCount !== null || cell.sharedModel.source.trim() === ''
                        || [...Array(cell.outputs.length).keys()].some(i => cell.outputs.get(i).type === 'error'));
            }}""",
            timeout=timeout * 1000,
        )

    def idle(self, quiet: float = 0.3) -> None:
        """Wait until the kernel has had nothing to do for a moment."""
        self.page.wait_for_function(
            f"""quiet => {{
                const now = performance.now();
                const idle = {CURRENT}.sessionContext.session.kernel.status === 'idle';
                if (!idle) {{ window.optlibBusy = now; }}
                window.optlibBusy ??= now;
                return idle && now - window.optlibBusy > quiet;
            }}""",
            arg=quiet * 1000,
        )
        self.page.evaluate("delete window.optlibBusy")

    def cell_with(self, words: str) -> int:
        """The index of the first code cell whose source contains these words."""
        found = self.page.evaluate(
            f"words => [...{CURRENT}.content.model.cells].findIndex("
            "cell => cell.type === 'code' && cell.sharedModel.source.includes(words))",
            words,
        )
        if found < 0:
            raise LookupError(f"no code cell contains {words!r}")
        return found

    def run(self, index: int, source: str | None = None) -> str:
        """Run one cell, with a new source if given; returns the text it shows."""
        if source is not None:
            self.page.evaluate(
                f"([index, source]) => {CURRENT}.content.model.cells.get(index).sharedModel.setSource(source)",
                [index, source],
            )
        self.page.evaluate(f"index => {{ const panel = {CURRENT}; panel.content.activeCellIndex = index; }}", index)
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell')")
        self.idle()
        return self.page.evaluate(f"index => {CURRENT}.content.widgets[index].outputArea.node.innerText", index)

    def errors(self) -> list[str]:
        """The errors that cells have shown."""
        outputs = self.page.evaluate(
            f"""() => [...{CURRENT}.content.model.cells].filter(cell => cell.type === 'code')
                .flatMap(cell => [...Array(cell.outputs.length).keys()].map(i => cell.outputs.get(i).toJSON()))
                .filter(output => output.output_type === 'error')"""
        )
        return [f"{output['ename']}: {output['evalue']}" for output in outputs]

    def explorer(self, number: int = 0) -> Widget:
        """The widget with this number from the top, scrolled into view."""
        root = self.page.locator(".optlib-explorer").nth(number)
        root.wait_for(state="attached")
        root.scroll_into_view_if_needed()
        root.locator("img.optlib-picture").wait_for()
        return Widget(self.page, root)


class Widget:
    """An explorer on the page."""

    def __init__(self, page: Any, root: Any) -> None:
        self.page = page
        self.root = root
        self.image = root.locator("img.optlib-picture")

    def picture(self) -> str:
        """A fingerprint of the picture's bytes."""
        return self.image.evaluate(
            """async image => {
                const bytes = await (await fetch(image.src)).arrayBuffer();
                const digest = await crypto.subtle.digest('SHA-256', bytes);
                return [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, '0')).join('');
            }"""
        )

    def changed(self, before: str, timeout: float = 10) -> str:
        """Wait until the picture differs from ``before``; returns its new fingerprint."""
        end = time.monotonic() + timeout
        while (now := self._settled()) == before:
            if time.monotonic() > end:
                raise AssertionError(f"the picture did not change within {timeout} s")
            time.sleep(0.02)
        return now

    def _settled(self) -> str:
        # between two pictures the old address is gone already
        with contextlib.suppress(Exception):
            return self.picture()
        time.sleep(0.02)
        return self.picture()

    def slider(self, label: str) -> Any:
        """The handle of the visible slider whose label begins so."""
        return self.root.get_by_role("slider", name=label)

    def drag(self, handle: Any, distance: float, moves: int = 12) -> None:
        """Drag a handle by so many pixels."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + distance, y, steps=moves)
        self.page.mouse.up()

    def says(self, words: str) -> None:
        """Wait until the description contains these words."""
        self.root.get_by_role("status").filter(has_text=words).wait_for()

    def press(self, button: str) -> None:
        self.root.get_by_role("button", name=button).click()

    def text(self) -> str:
        """The description of the picture."""
        return self.root.get_by_role("status").inner_text()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[LiveLab]:
    """Start JupyterLab on the files of ``folder`` and Chromium; stop both at the end."""
    from playwright.sync_api import sync_playwright

    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    home = folder.parent / f"{folder.name}-jupyter"
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/api/status?token={token}", server, home / "log")
        with sync_playwright() as playwright:
            # Chromium's own sandbox does not start for root
            arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
            try:
                yield LiveLab(folder, url, token, browser)
            finally:
                browser.close()
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path, timeout: float = 60) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
