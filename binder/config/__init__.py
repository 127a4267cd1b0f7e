"""Run configurations: one YAML file is one complete run. Floor: config, above the registry.

`load_config` reads a file and dotted overrides (`train.epochs=3`), refuses unknown keys and
impossible combinations before anything is loaded, and returns a frozen `RunConfig` that the run
stores beside its results. Defaults live here and nowhere else, a section a file.
"""

from binder.config.data import DataConfig, HubConfig, SplitConfig
from binder.config.load import load_config, parse_config
from binder.config.loss import LossConfig
from binder.config.run import EvaluateConfig, RunConfig
from binder.config.training import TowerConfig, TrainConfig

__all__ = [
    "DataConfig",
    "EvaluateConfig",
    "HubConfig",
    "LossConfig",
    "RunConfig",
    "SplitConfig",
    "TowerConfig",
    "TrainConfig",
    "load_config",
    "parse_config",
]
