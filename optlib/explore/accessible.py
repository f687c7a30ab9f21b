"""Names for what ipywidgets leaves nameless, so that a screen reader can say what is moved and what is shown."""

from __future__ import annotations

import html

import ipywidgets

# ipywidgets gives a slider's handle and its typed value no accessible name, an image no alternative text, an HTML box
# no way to announce changes, and its Python side cannot set these attributes. So the page does it itself, once the
# widget stands. The picture is named by the description below it, which is thus never out of date. Where a front end
# forbids such a script, everything still works, without the names.
_SCRIPT = """
const root = this.closest('.optlib-explorer');
let left = 40;
const timer = setInterval(() => {
    if (!root || --left < 0) { clearInterval(timer); return; }
    root.setAttribute('role', 'group');
    root.setAttribute('aria-label', 'Interactive figure');
    for (const box of root.querySelectorAll('.widget-hslider')) {
        const label = box.querySelector('.widget-label')?.textContent;
        box.querySelector('.noUi-handle')?.setAttribute('aria-label', label);
        const typed = box.querySelector('.widget-readout');
        typed?.setAttribute('role', 'textbox');
        typed?.setAttribute('aria-label', label + ', typed');
    }
    const told = root.querySelector('.optlib-description');
    const picture = root.querySelector('img.optlib-picture');
    if (told && picture) {
        told.id ||= 'optlib-' + Math.random().toString(36).slice(2);
        told.setAttribute('role', 'status');
        picture.setAttribute('aria-labelledby', told.id);
    }
}, 100);
"""


def naming() -> ipywidgets.HTML:
    """An invisible box that names its neighbours inside the nearest ``optlib-explorer``."""
    script = html.escape(" ".join(line.strip() for line in _SCRIPT.strip().splitlines()))
    # scripts in an HTML box do not run, but the handler of an image that fails to load does
    return ipywidgets.HTML(f'<img src="data:," alt="" onerror="{script}">', layout=ipywidgets.Layout(display="none"))
