"""Builds HTML from escaped parts, as the standard library's element trees. Floor: report; used by every renderer."""

import re
from base64 import b64encode
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# What no document may hold: control characters but tab and line ends, halves of a surrogate pair.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def node(tag: str, *children: Element | str, **attributes: object) -> Element:
    """An element with its children; `class_` stands for `class`, other underlines for hyphens.

    Texts and attributes are escaped when written; characters that no document may hold are replaced by U+FFFD.
    """
    names = {name.rstrip("_").replace("_", "-"): _printable(str(value)) for name, value in attributes.items()}
    made = Element(tag, names)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _printable(child)
        else:
            made.text = (made.text or "") + _printable(child)
    return made


def figure(kind: str, *content: Element, caption: list[Element | str]) -> Element:
    """A display of one kind with what there is to say below it."""
    below = [node("figcaption", *caption)] if caption else []
    return node("figure", *content, *below, class_=f"media media-{kind}")


def to_html(element: Element) -> str:
    """The element as HTML."""
    return ElementTree.tostring(element, encoding="unicode", method="html")


def data_uri(kind: str, data: bytes) -> str:
    """Bytes as an address that holds them itself; `kind` such as image/webp."""
    return f"data:{kind};base64,{b64encode(data).decode()}"


def range_text(low: float, high: float, unit: str) -> tuple[str, str]:
    """Both ends in as few digits as tell them apart, three at least; the unit stands with the second."""
    digits = next((digits for digits in range(3, 17) if f"{low:.{digits}g}" != f"{high:.{digits}g}"), 3)
    return f"{low:.{digits}g}", f"{high:.{digits}g} {unit}".rstrip()


def _printable(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
