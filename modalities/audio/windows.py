"""Which parts of a long sound a view needs; called by `read` (to decode no more) and by `transform`.

All numbers are amplitudes, or frames, of the sound as the tower's rate has it.
"""

Span = tuple[int, int]


def centre(length: int, window: int) -> Span:
    """The central `window`, or all of a shorter sound."""
    start = max(0, length - window) // 2
    return start, min(start + window, length)


def uniform(length: int, window: int, count: int) -> list[Span]:
    """`count` windows, the first at the start, the last at the end, evenly spread; a short sound is given each time.

    As `ConstantClipsPerVideoSampler` of facebookresearch/pytorchvideo places ImageBind's three clips; one window is
    the central one.
    """
    if count == 1 or length <= window:
        return [centre(length, window)] * count
    surplus = length - window
    return [(start, start + window) for start in (surplus * index // (count - 1) for index in range(count))]


def covering(length: int, window: int) -> list[Span]:
    """As few windows as leave nothing out, evenly spread: none is mostly padding."""
    return uniform(length, window, max(1, -(-length // window)))


def needed(length: int, window: int, count: int) -> list[Span]:
    """What `uniform` will ask for, as far as it saves reading; from these parts it asks for the same windows again."""
    return uniform(length, window, count) if length > count * window else [(0, length)]


def thirds(length: int, window: int) -> list[Span]:
    """The windows that start at the first place of each third of all places [1, 2].

    [1] LAION-CLAP draws a place from each third, also when it evaluates; [2] LanguageBind takes the first. So do we:
    a sound has one vector.
    """
    places = length - window + 1
    share, rest = divmod(places, 3)
    starts = (0, share + (rest > 0), 2 * share + rest)
    return [(start, start + window) for start in (start if start < places else 0 for start in starts)]
