"""Every key of the configuration: its type, range, default and meaning."""

from datetime import date
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from nightshelf.config.analysis import BehaviourConfig, DriftConfig, EvaluateConfig
from nightshelf.config.model import (
    CtrConfig,
    FeaturesConfig,
    SamplesConfig,
    TowersConfig,
    TrackingConfig,
)
from nightshelf.config.operating import AuditsConfig, MaintenanceConfig
from nightshelf.config.reviews import ReviewsConfig
from nightshelf.config.search import SearchConfig
from nightshelf.config.section import ActiveType, Section, Share, as_tuple, without_secrets
from nightshelf.config.shop import simulated_sources
from nightshelf.config.simulate import SimulateConfig
from nightshelf.config.sources import Sources, Strings
from nightshelf.config.text import TextConfig, TextTrainingConfig

ReasonCode = Literal[
    "malformed", "missing_user", "unknown_type", "ignored_type", "missing_item", "bad_time",
    "before_shop", "future", "non_product", "bad_quantity", "bad_price", "bad_rating",
    "bad_position", "bad_propensity", "duplicate", "robot", "return", "return_unmatched",
    "cancelled",
]  # fmt: skip


class WarehouseConfig(Section):
    root: str = Field("warehouse", min_length=1, description="root URI of all tables and models")
    metastore_database: str | None = Field(
        None, description="database in which tables are registered; null: by path only"
    )
    lock_stale_seconds: int = Field(
        600, ge=30, description="a lock not renewed for so long has no owner any more (not file:)"
    )
    commit_wait_seconds: int = Field(
        120,
        ge=0,
        description="longest wait for another commit to the same table, or for another night's "
        "ingest of the same window of days",
    )


class SparkConfig(Section):
    master: str = Field("local[*]", description="used where spark-submit names no master")
    driver_memory: str = Field(
        "4g", pattern=r"^\d+[mg]$", description="heap of a JVM that the job starts itself"
    )
    shuffle_partitions: int = Field(
        8, ge=1, le=100_000, description="partitions of a shuffle; 2 to 4 a core"
    )
    conf: Annotated[dict[str, str], AfterValidator(without_secrets)] = Field(
        {}, description="any further Spark settings, passed on as they are; no secrets"
    )


class LoggingConfig(Section):
    format: Literal["auto", "plain", "json"] = Field(
        "auto", description="auto: plain on a terminal, JSON lines elsewhere"
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level")


class IngestConfig(Section):
    first_day: date = Field(
        date(1995, 1, 1), description="the shop's first day; earlier events are refused"
    )
    window_days: int | None = Field(
        None, ge=1, description="days read again each night for late events; null: all history"
    )
    max_price: float = Field(1_000_000.0, gt=0, description="a higher price is absurd")
    robot_daily_events: int = Field(
        2_000, ge=1, description="more events of a user on one day mark a robot's day"
    )
    session_gap_minutes: int = Field(
        30, ge=1, description="a longer pause starts a new session where the source has none"
    )
    quarantine_limit: Share = Field(
        0.05, description="largest share of rows refused as faulty before the run is stopped"
    )
    accept_new_schema: bool = Field(
        False, description="goes on where a source's columns are not those of the last run"
    )
    accept_missing_day: bool = Field(
        False,
        description="goes on where a source of events that tells the day in its path has "
        "nothing of ds",
    )
    quarantine_limits: dict[ReasonCode, Share] = Field(
        {}, description="own limits by reason code, such as {missing_user: 0.3}"
    )


class PrivacyConfig(Section):
    pseudonymise: bool = Field(False, description="replace user ids by HMAC-SHA256 pseudonyms")
    key_env: str = Field(
        "NIGHTSHELF_PSEUDONYM_KEY",
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="environment variable that holds the pseudonym key",
    )
    accept_new_key: bool = Field(
        False, description="goes on with another key than before, to which all users are strangers"
    )
    accept_lost_erasures: bool = Field(
        False,
        description="goes on with a new key where users were erased, who are back unless they "
        "were erased again under it",
    )


class FeedbackConfig(Section):
    weights: dict[str, Annotated[float, Field(ge=0.0, le=1000.0)]] = Field(
        {"view": 1.0, "click": 1.0, "cart": 3.0, "purchase": 5.0, "rating": 1.0},
        description="how strongly an event of each type speaks for its item; 0 or absent: not",
    )
    positive_rating: float = Field(4.0, description="a rating from here on is a positive")

    @field_validator("weights")
    @classmethod
    def _known_types(cls, weights: dict[str, float]) -> dict[str, float]:
        known = get_args(ActiveType)
        for kind in weights:
            if kind not in known:
                raise ValueError(f"no event type '{kind}' here; expected {', '.join(known)}")
        return weights


class ItemCfConfig(Section):
    similarity: Literal["cosine", "tfidf", "bm25", "jaccard", "ease", "auto"] = Field(
        "cosine",
        description="how alike two items are: by the users who wanted both; auto: what is best for "
        "the days of evaluate.horizon_days up to ds",
    )
    auto_events: int = Field(
        2_000_000, ge=1, description="auto judges by whole users with about so many events"
    )
    k: int = Field(50, ge=1, le=10_000, description="neighbours kept for each item")
    half_life_days: float | None = Field(
        60.0, gt=0, description="age at which an event counts half; null: no decay"
    )
    max_items_per_user: int = Field(
        500, ge=1, description="only the newest so many items of a user count"
    )
    min_co_users: int = Field(2, ge=1, description="fewest users that two neighbours share")
    shrinkage: float = Field(
        10.0, ge=0, description="similarity is multiplied by n / (n + shrinkage), n the co-users"
    )
    blocks: int | None = Field(
        None, ge=1, description="parts in which the items are worked on; null: one a core"
    )
    ease_items: int = Field(
        6_000, ge=1, le=40_000, description="items of the regression 'ease'; cosine beyond them"
    )
    ease_regularisation: float = Field(
        500.0, gt=0, description="its lambda, in squared weights; larger trusts the counts less"
    )
    ease_noise: float = Field(
        0.5, ge=0, le=10, description="its share of noise: larger trusts popular items less"
    )
    binary: bool = Field(False, description="every pair weighs 1, whatever the events")
    settle_events: int = Field(
        20_000_000,
        ge=1,
        description="from so many events on, sums of days that ingest.window_days leaves alone are "
        "kept for the next nights",
    )
    plan: Literal["broadcast", "replicate", "grid"] | None = Field(
        None, description="how the work is spread; null: by what was measured"
    )
    broadcast_mb: int = Field(
        64, ge=0, le=2_000, description="a matrix up to this size is sent whole to every executor"
    )
    task_mb: int = Field(
        2_000, ge=1, description="histories that a task may hold; beyond it users are cut in slices"
    )


class UserCfConfig(Section):
    k: int = Field(50, ge=1, le=10_000, description="most similar users of each user")
    max_users_per_item: int = Field(
        500, ge=1, description="an item leads only to so many users, those who wanted it most"
    )
    damping: float = Field(
        10.0, ge=0, description="added to squared lengths: larger trusts short histories less"
    )


class RecommendConfig(Section):
    k: int = Field(20, ge=1, le=1_000, description="items in each list")
    recent_items: int = Field(
        30, ge=1, description="newest items of a user whose neighbours are candidates"
    )
    candidates: int = Field(
        200, ge=1, description="best neighbours of a user's recent items that are considered"
    )
    half_life_days: float | None = Field(
        30.0, gt=0, description="age at which a recent item counts half as a seed; null: no decay"
    )
    trending_half_life_days: float | None = Field(
        14.0, gt=0, description="age at which an event counts half for a trend; null: no decay"
    )
    trending_days: int = Field(7, ge=1, description="an item is 'popular this week' if so recent")
    top_categories: int = Field(
        3, ge=0, description="best-loved categories of a user whose trending items are candidates"
    )
    per_category: int = Field(30, ge=1, description="trending items taken from each category")
    category_weight: float = Field(
        0.3, ge=0, description="weight of a category's trend beside item-CF, whose weight is 1"
    )
    user_cf_weight: float = Field(
        0.3, ge=0, description="weight of what similar users want likewise; 0: left out"
    )
    two_tower_weight: float = Field(
        0.3, ge=0, description="weight of what the two towers find likewise; 0: left out"
    )
    text_weight: float = Field(
        0.1, ge=0, description="weight of items of similar texts likewise; 0: left out"
    )
    trending_weight: float = Field(0.1, ge=0, description="weight of the shop's trend likewise")
    pool: int = Field(
        200,
        ge=1,
        description="best candidates of a user that the model scores; never fewer than k",
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="in which the model scores; bf16 where processors multiply it faster"
    )
    model_weight: Share = Field(
        1.0,
        description="score = probability^w * (blend / best blend)^(1 - w); 1: probability alone",
    )
    explain: int = Field(
        0,
        ge=0,
        le=100,
        description="features named for each row, those that raise its probability most; 0: none",
    )
    diversity: Share = Field(
        0.0,
        description="weight of being unlike the list so far, against score (MMR); 0: score alone",
    )
    bought_types: Annotated[tuple[ActiveType, ...], BeforeValidator(as_tuple)] = Field(
        ("purchase",), description="events after which a user has the item"
    )
    repeatable: bool = Field(False, description="bought items may be shown again")
    repeatable_categories: Strings = Field(
        (), description="categories (or the path above them) whose bought items may be shown again"
    )


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
