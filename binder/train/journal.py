"""What a run tells while it trains: JSONL journal, TensorBoard, progress bar. Floor: train.

The journal is the record, TensorBoard and the bar are views of it. On resume, lines after the
restored step are dropped, so that the journal reads like that of an uninterrupted run.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from binder.storage import write_text


class Journal:
    """Writes one run's events; a context manager that closes what it opened.

    Args:
        folder: gets `journal.jsonl` and `tensorboard/`; None writes nothing (processes other than the first).
        title: shown beside the bar.
        num_steps: length of the whole run.
        done: steps already done when resuming.
        epoch: epoch in progress when resuming.
        console: where the bar is drawn; None draws none.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        title: str,
        num_steps: int,
        done: int = 0,
        epoch: int = 0,
        console: Console | None = None,
    ) -> None:
        self._lines = self._board = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            _forget_after(folder / "journal.jsonl", done, epoch)
            self._lines = (folder / "journal.jsonl").open("a", encoding="utf-8", buffering=1)
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task(title, total=num_steps, completed=done, numbers="")
        self._numbers: dict[str, float] = {}

    def __enter__(self) -> "Journal":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        for opened in (self._board, self._lines):
            if opened is not None:
                opened.close()

    def step(self, step: int, epoch: int, numbers: Mapping[str, float]) -> None:
        """Record one update: loss, temperature, learning rate, samples per second."""
        self._write("step", step, epoch, numbers)
        self._numbers |= numbers
        self._bar.update(self._task, completed=step, numbers=self._caption())

    def validation(self, step: int, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the validation scores after `epoch`."""
        self._write("validation", step, epoch, scores)
        self._numbers |= {"hit@1": scores["hit@1"]}
        self._bar.update(self._task, numbers=self._caption())

    def say(self, text: str) -> None:
        """A line above the bar."""
        if not self._bar.disable:
            self._bar.console.print(text, highlight=False, markup=False)

    def _write(self, event: str, step: int, epoch: int, numbers: Mapping[str, float]) -> None:
        if self._lines is None or self._board is None:
            return
        self._lines.write(json.dumps({"event": event, "step": step, "epoch": epoch, **numbers}) + "\n")
        for name, value in numbers.items():
            self._board.add_scalar(f"{event}/{name}", value, step)

    def _caption(self) -> str:
        shown = (
            ("samples_per_s", "{:.0f} samples/s"),
            ("loss", "loss {:.3f}"),
            ("temperature", "T {:.3f}"),
            ("hit@1", "val R@1 {:.3f}"),
        )
        return "  ".join(form.format(self._numbers[name]) for name, form in shown if name in self._numbers)


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Every event of a run, in order."""
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def _forget_after(path: Path, step: int, epoch: int) -> None:
    """Drop events after `step`, validations of `epoch` (they come again), and a last line that a kill cut in half."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            break
        if event["step"] <= step and (event["event"] == "step" or event["epoch"] < epoch):
            kept.append(line + "\n")
    write_text(path, "".join(kept) if step else "")
