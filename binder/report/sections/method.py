"""How the numbers were computed: a short glossary. Floor: report."""

from binder.report.blocks import Facts, Section
from binder.report.subject import Subject

_GLOSSARY = (
    ("hit@k", "share of queries with an answer among the first k"),
    ("recall@k", "share of a query's answers that stand among the first k, mean over queries"),
    ("mAP", "mean over queries of the average precision over all of their answers"),
    ("R-precision", "share of answers among the first R, where R is how many answers the query has"),
    ("nDCG@10", "discounted gain of the first ten, over the best order's; graded where the rule has gains"),
    ("MRR", "mean of 1 / rank of the first answer"),
    ("median rank", "of the first answer; equal scores share their middle rank, so a collapsed tower scores chance"),
    ("chance", "expected score of a random order, in closed form"),
    ("lift", "score over chance"),
    ("centred", "the score after each modality's training mean is taken off"),
    ("uniformity", "log of the mean Gaussian potential of two items, -4 (fills the sphere) to 0 (one point)"),
    ("effective rank, dimension", "entropy and participation ratio of the spectrum: how many directions are in use"),
    ("calibration error", "mean distance of probabilities said from shares that matched, in bins of equal size"),
)


def method(subject: Subject) -> Section:
    """Intervals first, then every word that the page uses."""
    facts = subject.report.facts
    drawn = f"{facts['num_bootstrap']:,} resamples of groups, seed {facts['seed']}"
    interval = f"[ ] is the percentile interval of {facts['confidence']:.0%} over {drawn}; groups never straddle splits"
    items = "equal contents count as one item; queries without an answer in the gallery are dropped and counted"
    return Section(
        id="method",
        title="How it was computed",
        blocks=(Facts(facts=(("interval", interval), ("items", items), *_GLOSSARY)),),
    )
