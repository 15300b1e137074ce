"""The keys of the ranking model: its features, its samples, its training."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from nightshelf.config.reviews import ASPECTS
from nightshelf.config.section import Section, as_tuple

Days = Annotated[tuple[Annotated[int, Field(ge=1, le=3_650)], ...], BeforeValidator(as_tuple)]
Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], BeforeValidator(as_tuple)]
Task = Literal["click", "cart", "purchase", "like"]


class FieldConfig(Section):
    """One field of the model: where its value comes from and how it is read.

    source: `user` and `item`: a number, category or vector of gold.user_features or
    gold.item_features; `cross`: of a user and an item together; `context`: of the sample itself;
    `history`: the user's newest items.
    """

    name: str
    source: Literal["user", "item", "cross", "context", "history"]
    kind: Literal["categorical", "numeric", "sequence", "vector"]


def _field(source: str, kind: str, *names: str) -> tuple[FieldConfig, ...]:
    told = {"source": source, "kind": kind}
    return tuple(FieldConfig.model_validate({"name": name, **told}) for name in names)


FIELDS = (
    *_field("user", "categorical", "user_id", "device", "country"),
    *_field("user", "categorical", "loved_category", "loved_brand"),
    *_field("user", "numeric", "tenure_days", "days_since_any", "price_level", "price_spread"),
    *_field("user", "numeric", "click_rate", "cart_rate", "purchase_rate", "impression_rate"),
    *_field("user", "numeric", "click_1d", "click_7d", "click_30d", "purchase_30d", "sessions_30d"),
    *_field("item", "categorical", "item_id", "category", "brand"),
    *_field("item", "numeric", "price_log", "age_days", "days_since_any", "click_through"),
    *_field("item", "numeric", "click_rate", "cart_rate", "purchase_rate", "impression_rate"),
    *_field("item", "vector", "text"),
    *_field("item", "numeric", "click_7d", "click_30d", "purchase_30d", "title_words"),
    *_field("item", "numeric", "reviews", "sentiment", *(f"aspect_{name}" for name in ASPECTS)),
    *_field("cross", "numeric", "item_cf", "text_similarity", "price_to_level"),
    *_field("cross", "numeric", "category_share", "brand_share", "times_seen", "days_since_seen"),
    *_field("context", "categorical", "position"),
    *_field("history", "sequence", "recent"),
)


class FeaturesConfig(Section):
    windows_days: Days = Field(
        (1, 7, 30), min_length=1, description="events are counted in the last so many days"
    )
    half_life_days: float = Field(
        14.0, gt=0, description="age at which an event counts half in the decayed rates"
    )
    favourites: int = Field(
        5, ge=1, le=100, description="best-loved categories and brands of a user that are kept"
    )
    history_length: int = Field(20, ge=1, le=500, description="newest items of a user's history")
    click_prior: float = Field(
        20.0, gt=0, description="expected clicks with which an item's click-through is smoothed"
    )
    fields: Annotated[tuple[FieldConfig, ...], BeforeValidator(as_tuple)] = Field(
        FIELDS, description="what the model reads; what a shop has not is left out by name"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        told = [(field.source, field.name) for field in self.fields]
        twice = sorted({f"{s}.{n}" for s, n in told if told.count((s, n)) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} declared twice; each field has one declaration")
        return self


class SamplesConfig(Section):
    train_days: int = Field(14, ge=1, le=3_650, description="days that the model learns from")
    valid_days: int = Field(2, ge=1, le=365, description="days after them: stopping, calibration")
    test_days: int = Field(2, ge=1, le=365, description="days after those, up to ds: the gate")
    tasks: Annotated[tuple[Task, ...], BeforeValidator(as_tuple)] = Field(
        ("click",),
        min_length=1,
        description="what is predicted; the first ranks; `like`: any event of feedback.weights",
    )
    negatives: int = Field(
        8, ge=1, le=1_000, description="drawn for each positive where there are no impressions"
    )
    draws: dict[Literal["uniform", "popular", "hard"], Annotated[float, Field(ge=0)]] = Field(
        {"uniform": 0.5, "popular": 0.25, "hard": 0.25},
        description="shares of the ways in which they are drawn; hard: item-CF neighbours",
    )
    keep_rate: float = Field(
        1.0, gt=0, le=1, description="share of the impressions without a click that is kept"
    )
    min_count: int = Field(
        2, ge=1, description="rows of the training days from which on a value has an id of its own"
    )
    buckets: int = Field(16, ge=1, le=100_000, description="ids that rarer values share by a hash")
    rows_a_group: int = Field(
        32_768, ge=1, le=10_000_000, description="rows of a row group of the training set, about"
    )
    seed: int = Field(7, ge=0, lt=2**31, description="another seed, other draws")


class CtrConfig(Section):
    enabled: bool = Field(True, description="train a ranking model and rank by it")
    model: Literal["lr", "fm", "deepfm", "dcn_v2", "din", "final_mlp"] = Field(
        "dcn_v2", description="the network; docs/ranking_model.md tells them apart"
    )
    embedding: int = Field(16, ge=1, le=1_024, description="numbers of each id's vector")
    hidden: Widths = Field((256, 128), description="widths of the hidden layers")
    cross_layers: int = Field(2, ge=1, le=10, description="cross layers of dcn_v2")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of hidden values left out")
    batch_size: int = Field(4_096, ge=1, description="rows of a step, over all ranks")
    least_steps: int = Field(
        30, ge=1, description="steps of an epoch; a small shop has smaller batches for them"
    )
    accumulate: int = Field(1, ge=1, le=1_000, description="batches of a rank added up a step")
    epochs: int = Field(5, ge=1, le=1_000, description="most passes over the training days")
    patience: int = Field(1, ge=0, description="epochs without a better valid AUC before the stop")
    learning_rate: float = Field(1e-3, gt=0, description="its highest")
    schedule: Literal["linear", "plateau"] = Field(
        "linear",
        description="of the rate. linear: grows by warm_up, then falls to final_rate; plateau: a "
        "tenth from each epoch on that is no better on valid, which wants more epochs and patience",
    )
    warm_up: float = Field(0.05, ge=0, lt=1, description="share of all steps of a growing rate")
    final_rate: float = Field(0.1, ge=0, le=1, description="share of the rate that is left at last")
    averaged_epochs: int = Field(
        1,
        ge=1,
        le=1_000,
        description="about so many newest epochs have their weights averaged; 1: the newest alone",
    )
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty of the layers' weights")
    embedding_decay: float = Field(1e-5, ge=0, description="L2 penalty of the looked-up vectors")
    lazy: bool = Field(
        True,
        description="whether a step changes those vectors alone that it looked up; false: all, "
        "which costs time by the table's size, and draws what is rare to 0 by the decay",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="of the layers' arithmetic; fp16 on GPUs only"
    )
    compression: Literal["none", "fp16"] = Field(
        "none", description="of the gradients that ranks exchange"
    )
    ranks: int | None = Field(
        None,
        ge=1,
        le=4_096,
        description="processes that train together; null: one a GPU, else one an executor",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="threads of a rank; null: its share of its executor's cores",
    )
    checkpoint_steps: int = Field(500, ge=1, description="steps from one checkpoint to the next")
    restarts: int = Field(2, ge=0, description="times that a broken training goes on by itself")
    stall_seconds: int = Field(60, ge=5, description="without a step for so long, a rank is dead")
    calibration: Literal["isotonic", "platt", "none"] = Field(
        "platt", description="how scores become probabilities, learnt on the valid days"
    )
    min_positives: int = Field(
        200, ge=1, description="fewer positives in the training days: no model is trained"
    )
    tolerance: float = Field(
        0.002, ge=0, le=1, description="by how much the test AUC may fall behind the model in use"
    )
    seed: int = Field(7, ge=0, lt=2**31, description="same seed, ranks and samples: same model")


class TowersConfig(Section):
    enabled: bool = Field(
        True,
        description="find candidates by a user's and an item's tower, learnt on the same samples",
    )
    embedding: int = Field(
        32, ge=1, le=1_024, description="numbers of each id's and tower's vector"
    )
    hidden: Widths = Field((128,), description="widths of a tower's hidden layers")
    temperature: float = Field(
        0.1, gt=0, le=10, description="cosines are divided by it; a smaller one tells apart sharper"
    )
    batch_size: int = Field(
        8_192, ge=1, description="rows of a step, over all ranks; its positives are learnt from"
    )
    epochs: int = Field(10, ge=1, le=1_000, description="most passes over the training days")
    patience: int = Field(
        2, ge=0, description="epochs without a better valid recall before the stop"
    )
    learning_rate: float = Field(3e-3, gt=0, description="its highest")
    recall_at: int = Field(
        50, ge=1, description="judged by what they find among so many items, beside popularity"
    )


class TrackingConfig(Section):
    uri: str | None = Field(
        None, description="MLflow server or folder (file:) that is told of trainings; null: none"
    )
    experiment: str = Field("nightshelf", min_length=1, description="its experiment")
