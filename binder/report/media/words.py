"""Draws texts. Floor: report."""

from xml.etree.ElementTree import Element

from binder.display import Words
from binder.report.media.html import figure, node

LONGEST = 1000  # characters


def draw_words(words: Words, name: str) -> Element:
    """The text, escaped, in its own direction; of a long one the beginning, and how much follows."""
    if not words.text.strip():
        return figure("words", node("p", f"{name}: empty text", class_="nothing"), caption=[])
    rest = len(words.text) - LONGEST
    text = node("blockquote", words.text[:LONGEST] + (" …" if rest > 0 else ""), dir="auto")
    return figure("words", text, caption=[f"{rest:,} more characters"] if rest > 0 else [])
