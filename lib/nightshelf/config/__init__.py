"""The typed, frozen configuration of a run."""

from nightshelf.config.analysis import BehaviourConfig, EvaluateConfig
from nightshelf.config.collaborative import FeedbackConfig, ItemCfConfig, UserCfConfig
from nightshelf.config.ingest import IngestConfig, PrivacyConfig
from nightshelf.config.load import as_it_was, config_hash, decisive, load
from nightshelf.config.model import TrackingConfig
from nightshelf.config.operating import AuditsConfig, MaintenanceConfig
from nightshelf.config.recommend import RecommendConfig
from nightshelf.config.render import resolved
from nightshelf.config.reviews import ReviewsConfig
from nightshelf.config.running import SparkConfig, WarehouseConfig
from nightshelf.config.search import SearchConfig
from nightshelf.config.sections import Config
from nightshelf.config.simulate import PlantedConfig, SimulateConfig
from nightshelf.config.sources import (
    ColumnRef,
    ColumnSpec,
    EventSource,
    FileSource,
    ItemSource,
    JoinedSpec,
    ReviewSource,
    Sources,
    UserSource,
)
from nightshelf.config.text import TextConfig, TextTrainingConfig

__all__ = [
    "AuditsConfig", "BehaviourConfig", "ColumnRef", "ColumnSpec", "Config", "EvaluateConfig",
    "EventSource", "FeedbackConfig", "FileSource", "IngestConfig", "ItemCfConfig", "ItemSource",
    "JoinedSpec", "MaintenanceConfig", "PlantedConfig", "PrivacyConfig",
    "RecommendConfig", "ReviewSource", "ReviewsConfig", "SearchConfig", "SimulateConfig",
    "Sources", "SparkConfig", "TextConfig", "TextTrainingConfig", "TrackingConfig",
    "UserCfConfig", "UserSource", "WarehouseConfig", "as_it_was", "config_hash", "decisive", "load",
    "resolved",
]  # fmt: skip
