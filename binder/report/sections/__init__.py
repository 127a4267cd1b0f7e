"""The parts of a report, each from a `Subject` to a `Section` of blocks. Floor: report; called by `page` beside it."""

from collections.abc import Callable

from binder.report.blocks import Section
from binder.report.sections.about import about
from binder.report.sections.calibration import calibration
from binder.report.sections.cells import cells
from binder.report.sections.certificates import certificates
from binder.report.sections.findings import findings
from binder.report.sections.geometry import geometry
from binder.report.sections.headline import headline
from binder.report.sections.learning import learning
from binder.report.sections.legs import legs
from binder.report.sections.matrix import matrix
from binder.report.sections.method import method
from binder.report.sections.notes import notes
from binder.report.sections.references import references
from binder.report.sections.space import space
from binder.report.subject import Subject

SECTIONS: tuple[Callable[[Subject], Section], ...] = (
    headline,
    matrix,
    cells,
    certificates,
    legs,
    references,
    learning,
    findings,
    space,
    geometry,
    calibration,
    notes,
    method,
    about,
)

__all__ = ["SECTIONS"]
