"""Captions tell every fact, once, in words that belong to one value only."""

import re

import numpy as np

from binder.playground import VISIBLE, draw_scenes, write_caption
from binder.playground.captions import _WORDS
from binder.playground.latents import OBJECTS

CATEGORIES = {
    "size_bin": ("small", "medium", "large"),
    "distance_bin": ("near", "middle", "far"),
    "temperature_bin": ("cold", "warm", "hot"),
    "speed_bin": ("slow", "fast"),
    "motion": ("still", "slide", "bounce", "swing", "spin", "loop", "rock"),
    "material": ("wood", "steel", "glass", "rubber", "clay", "foam"),
    "object": OBJECTS,
}


def read_caption(text: str, values: tuple[str, ...]) -> set[str]:
    """The values of a category whose words occur in `text`."""
    return {
        value
        for value in values
        if any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in _WORDS.get(value, (value,)))
    }


def test_each_fact_can_be_read_back_and_no_other():
    scenes = draw_scenes(8, "train", 300)
    assert set(CATEGORIES) == set(VISIBLE["text"])
    for number, scene in enumerate(scenes):
        text = write_caption(scene, np.random.default_rng(number))
        for name, values in CATEGORIES.items():
            expected = {getattr(scene, name)} - {"none"}
            assert read_caption(text, values) == expected, (text, name)


def test_wording_varies():
    scene = draw_scenes(8, "train", 1)[0]
    assert len({write_caption(scene, np.random.default_rng(number)) for number in range(50)}) > 40


def test_left_out_facts_leave_a_sentence():
    scene = draw_scenes(8, "train", 1)[0]
    texts = {write_caption(scene, np.random.default_rng(number), keep=0.0) for number in range(50)}
    assert len(texts) >= 5
    for text in texts:
        assert scene.object in text
        assert "  " not in text and text == text.strip(" ,")
