"""The keys of search: its queries, its index, its ranking."""

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from nightshelf.config.section import Section, Share

Language = Literal[
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french",
    "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian",
    "nepali", "none", "norwegian", "porter", "portuguese", "romanian", "russian", "serbian",
    "spanish", "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip
SearchedField = Literal["title", "brand", "category", "description"]
Weight = Annotated[int, Field(ge=0, le=1_000)]


class SearchConfig(Section):
    enabled: bool = Field(True, description="rank the shop's items for the queries that are typed")
    language: Language = Field(
        "english", description="by whose rules words are stemmed; none: words as they are"
    )
    fields: dict[SearchedField, Weight] = Field(
        {"title": 4, "brand": 3, "category": 2, "description": 1},
        description="how often a word of each field counts",
    )
    saturation: float = Field(
        1.2, ge=0, description="BM25's k1: how much more a word that comes again is worth"
    )
    length_share: float = Field(
        0.75, ge=0, le=1, description="BM25's b: how much less a word of a long text is worth"
    )
    query_days: int = Field(30, ge=1, description="queries typed in the last so many days")
    min_searches: int = Field(1, ge=1, description="those typed fewer times are left out")
    queries: int = Field(
        100_000, ge=1, description="most queries, those given first, then the most typed"
    )
    given: str | None = Field(
        None, description="file of further queries, one a line, typed or not; null: none"
    )
    max_terms: int = Field(32, ge=1, description="words of a query that are matched")
    candidates: int = Field(
        100, ge=1, description="items found by words, and as many found by meaning"
    )
    rerank: int = Field(20, ge=0, description="best candidates that the text model judges again")
    judge_weight: Share = Field(
        0.25,
        description="relevance = judgement^w * (match / best match)^(1 - w); 1: judgement alone",
    )
    k: int = Field(20, ge=1, le=1_000, description="results of a query")
    click_weight: float = Field(
        0.5, ge=0, description="weight of an item's click-through, corrected for positions; 0: none"
    )
    segment: str | None = Field(
        "price_level",
        description="user feature by which results differ: a category, or a number cut in "
        "three; null: the same for all",
    )
    taste_weight: float = Field(
        0.5, ge=0, description="weight of what a segment's users click more than others; 0: none"
    )

    @field_validator("fields")
    @classmethod
    def _some_field(cls, fields: dict[str, int]) -> dict[str, int]:
        if not any(fields.values()):
            known = ", ".join(get_args(SearchedField))
            raise ValueError(f"no field counts; expected a weight above 0 for one of {known}")
        return fields
