"""Draws displays as small HTML fragments that need nothing else but `media_style()`. Floor: report.

A fragment holds its pictures and sounds itself, asks the network for nothing, runs no script, and is at most
`LARGEST_FRAGMENT` bytes. Whatever moves does so only while it is pointed at or focused, and not at all where the
reader prefers less motion.
"""

from binder.report.media.page import write_page
from binder.report.media.render import LARGEST_FRAGMENT, render
from binder.report.media.style import media_style

__all__ = ["LARGEST_FRAGMENT", "media_style", "render", "write_page"]
