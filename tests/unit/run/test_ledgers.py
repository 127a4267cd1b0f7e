"""The ledger lists every licence that a tower rests on, once."""

from pathlib import Path

import pytest
from toys import Toy, ToyHub

from binder.config import parse_config
from binder.run.ledgers import build_ledger
from binder.towers import build_tower


@pytest.mark.parametrize(
    ("hub_licence", "data_licence", "encoder_licence", "expected"),
    [
        ("mit", "cc-by-4.0", "apache-2.0", ("mit", "cc-by-4.0", "apache-2.0")),
        ("mit", "cc-by-4.0", "mit", ("mit", "cc-by-4.0")),
        (None, None, "apache-2.0", ("apache-2.0",)),
        (None, None, None, ()),
    ],
)
def test_licences_of_hub_data_and_first_weights(
    tmp_path: Path,
    hub_licence: str | None,
    data_licence: str | None,
    encoder_licence: str | None,
    expected: tuple[str, ...],
) -> None:
    content = {
        "name": "n",
        "output": str(tmp_path / "out"),
        "hub": {"name": "toy:0"},
        "data": {"table": str(tmp_path), "licence": data_licence},
        "towers": {"toy": {"spec": "toys:Toy", "hub_modality": "text"}},
    }
    hub, tower = ToyHub(), build_tower(Toy(), 12)
    hub.licence = hub_licence
    tower.origin = {"encoder": "timm:x", "licence": encoder_licence}
    assert build_ledger(parse_config(content), tower, hub, {}).licences == expected
    tower.origin = None  # random weights rest on no licence
    assert set(build_ledger(parse_config(content), tower, hub, {}).licences) == {hub_licence, data_licence} - {None}
