"""The verdict on a pair of modalities, derived from the ledgers of the towers. Nobody can set it by hand.

What the pair is:

- `hub-native`: the hub embeds both; no tower, no training, no further question.
- `trained`: a ledger names an edge between the two.
- `emergent`: neither; whatever is measured was not trained for.

A pair that involves a tower becomes `tainted`, with every reason listed, when

- a tower brings no ledger, or was trained against another hub than the space's (fingerprints differ);
- a tower's ledger names no training table, as that of an imported checkpoint: nothing can be compared;
- the pair was trained directly although neither side is native to the hub, or a chain of trained
  edges joins the two without passing through the hub (text-depth-imu makes text-imu no emergence);
  edges are those of the ledgers and those that pretrained encoders are declared to have seen;
- an encoder of an otherwise emergent pair starts from weights of which nothing is declared;
- an evaluated item (content hash, either side) was trained on, or chose a checkpoint, in a ledger of
  the pair; a tower-side item that was seen always taints;
- an evaluated item looks like one that was (`binder.likeness`), more often than chance explains;
- a group of an evaluated row was trained on or chose a checkpoint. Tables without groups use the id.

One exception. A hub-native item that many rows share (the caption of a class, in several groups) is a
prototype, not a test sample: every zero-shot test asks for the class names of training. Where relevance
is not by id, seen prototypes are reported as a note and do not taint. By id they stand for one row, and do.
"""

from binder.evaluate.certificate.evidence import Tested
from binder.evaluate.certificate.record import make_record, same_evidence, verify_certificate
from binder.evaluate.certificate.sources import Source, read_sources
from binder.evaluate.certificate.verdict import Certificate, PairKind, Status, Training

__all__ = [
    "Certificate",
    "PairKind",
    "Source",
    "Status",
    "Tested",
    "Training",
    "make_record",
    "read_sources",
    "same_evidence",
    "verify_certificate",
]
