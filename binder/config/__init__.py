"""Run configurations: one YAML file is one complete run. Floor: config, above the registry.

`load_config` reads a file and dotted overrides (`train.epochs=3`), refuses unknown keys and
impossible combinations before anything is loaded, and returns a frozen `RunConfig` that the run
stores beside its results. Defaults live here and nowhere else, a section a file.
"""

from binder.config.data import DataConfig, HubConfig, SplitConfig
from binder.config.load import load_config, parse_config
from binder.config.loss import LossConfig
from binder.config.run import EvaluateConfig, RunConfig
from binder.config.towers import ClosedFormConfig, LoraConfig, TowerConfig, closed_form_of
from binder.config.training import TrainConfig

__all__ = [
    "ClosedFormConfig",
    "DataConfig",
    "EvaluateConfig",
    "HubConfig",
    "LoraConfig",
    "LossConfig",
    "RunConfig",
    "SplitConfig",
    "TowerConfig",
    "TrainConfig",
    "closed_form_of",
    "load_config",
    "parse_config",
]
