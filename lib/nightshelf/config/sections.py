"""The whole configuration: its sections, and what holds between them."""

from typing import Any, Self

from pydantic import model_validator

from nightshelf.config.analysis import BehaviourConfig, DriftConfig, EvaluateConfig
from nightshelf.config.collaborative import FeedbackConfig, ItemCfConfig, UserCfConfig
from nightshelf.config.ingest import IngestConfig, PrivacyConfig
from nightshelf.config.model import (
    CtrConfig,
    FeaturesConfig,
    SamplesConfig,
    TowersConfig,
    TrackingConfig,
)
from nightshelf.config.operating import AuditsConfig, MaintenanceConfig
from nightshelf.config.recommend import RecommendConfig
from nightshelf.config.reviews import ReviewsConfig
from nightshelf.config.running import LoggingConfig, SparkConfig, WarehouseConfig
from nightshelf.config.search import SearchConfig
from nightshelf.config.section import Section
from nightshelf.config.shop import simulated_sources
from nightshelf.config.simulate import SimulateConfig
from nightshelf.config.sources import Sources
from nightshelf.config.text import TextConfig, TextTrainingConfig


class Config(Section):
    """The whole configuration of a run."""

    warehouse: WarehouseConfig = WarehouseConfig()
    spark: SparkConfig = SparkConfig()
    logging: LoggingConfig = LoggingConfig()
    simulate: SimulateConfig = SimulateConfig()
    sources: Sources = Sources()
    ingest: IngestConfig = IngestConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    feedback: FeedbackConfig = FeedbackConfig()
    reviews: ReviewsConfig = ReviewsConfig()
    text: TextConfig = TextConfig()
    text_training: TextTrainingConfig = TextTrainingConfig()
    item_cf: ItemCfConfig = ItemCfConfig()
    user_cf: UserCfConfig = UserCfConfig()
    features: FeaturesConfig = FeaturesConfig()
    samples: SamplesConfig = SamplesConfig()
    ctr: CtrConfig = CtrConfig()
    towers: TowersConfig = TowersConfig()
    recommend: RecommendConfig = RecommendConfig()
    search: SearchConfig = SearchConfig()
    audits: AuditsConfig = AuditsConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    behaviour: BehaviourConfig = BehaviourConfig()
    drift: DriftConfig = DriftConfig()
    maintenance: MaintenanceConfig = MaintenanceConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="before")
    @classmethod
    def _simulated_where_nothing_is_configured(cls, tree: Any) -> Any:
        """Without a shop's own events the simulated shop is read, as plainly as any other."""
        sources = tree.get("sources") or {} if isinstance(tree, dict) else None
        if not isinstance(sources, dict) or sources.get("events"):
            return tree
        warehouse, simulate = tree.get("warehouse") or {}, tree.get("simulate") or {}
        if not (isinstance(warehouse, dict) and isinstance(simulate, dict)):
            return tree
        root = warehouse.get("root", "warehouse")
        return {
            **tree,
            "simulate": {**simulate, "enabled": True},
            "sources": {**sources, **simulated_sources(str(root))},
        }

    @model_validator(mode="after")
    def _days_stay_until_they_are_looked_at(self) -> Self:
        kept = self.maintenance.history_days
        needed = {
            "evaluate.horizon_days": self.evaluate.horizon_days,
            "drift.reference_days": self.drift.reference_days,
        }
        key = max(needed, key=lambda name: needed[name])
        if kept is not None and kept <= needed[key]:
            raise ValueError(
                f"maintenance.history_days: {kept} days are kept, too few for {key}: "
                f"{needed[key]}, after which they are looked at again; expected more than that, "
                "or null"
            )
        return self
