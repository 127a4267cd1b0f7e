"""Captions: one English sentence about a scene, in varied words.

The pair table's captions name all that can be seen. For training the hub, `keep` below 1 leaves facts
out at random, as people do.
"""

import numpy as np

from binder.playground.latents import Scene

_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium-sized", "mid-sized", "average-sized"),
    "large": ("large", "big", "huge"),
    "near": ("close to the camera", "nearby", "right in front"),
    "middle": ("a few steps away", "at a middle distance", "halfway back"),
    "far": ("far away", "in the distance", "at the back near the wall"),
    "cold": ("frosty", "ice-cold", "frozen"),
    "warm": ("warm", "lukewarm", "mildly warm"),
    "hot": ("glowing hot", "red-hot", "burning hot"),
    "slow": ("slowly", "gently", "at a low speed"),
    "fast": ("fast", "quickly", "at high speed"),
    "still": ("standing still", "at rest", "not moving"),
    "slide": ("sliding along the floor", "gliding sideways", "sliding past"),
    "bounce": ("bouncing up and down", "bouncing", "hopping off the floor"),
    "swing": ("swinging like a pendulum", "swinging on a string", "swinging to and fro"),
    "spin": ("spinning on the spot", "spinning around itself", "rotating in place"),
    "loop": ("flying in a circle", "looping through the air", "circling in the air"),
    "rock": ("rocking like a metronome", "tipping from side to side", "rocking back and forth"),
    "wood": ("wooden", "wood"),
    "steel": ("steel", "metal"),
    "glass": ("glass", "see-through glass"),
    "rubber": ("rubber", "black rubber"),
    "clay": ("clay", "terracotta"),
    "foam": ("foam", "yellow foam"),
}
_OPENINGS = ("", "a photo of ", "there is ", "we see ", "this is ")


def write_caption(scene: Scene, rng: np.random.Generator, *, keep: float = 1.0) -> str:
    """Describe `scene`; each fact but the object is told with probability `keep`."""

    def say(value: str) -> str:
        words = _WORDS.get(value, ("",))
        return words[rng.integers(len(words))] if rng.random() < keep else ""

    adjectives = [say(scene.size_bin), say(scene.temperature_bin)]
    rng.shuffle(adjectives)
    thing = _join("a", *adjectives, say(scene.material), scene.object)
    action = _join(say(scene.motion), say(scene.speed_bin))
    place = say(scene.distance_bin)
    opening = _OPENINGS[rng.integers(len(_OPENINGS))]
    match rng.integers(3):
        case 0:
            text = _join(opening + thing, action, place)
        case 1:
            text = _join(place + "," if place else "", opening + thing, action)
        case _:
            text = _join(opening + thing, place, action)
    return text.replace("a ice", "an ice").replace("a average", "an average")


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
