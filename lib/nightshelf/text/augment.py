"""More to learn from: the same pairs with their items' texts told in other words.

Words are left out, replaced by synonyms (Wei and Zou 2019, "EDA"), or the whole text is translated
there and back (Sennrich et al. 2016).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from nightshelf.columns import ITEM, QUERY, TEXT, Transform
from nightshelf.errors import ConfigError, MissingInputError
from nightshelf.text.weights import hub_folder

REPLACED: Final = 0.3
"""Share of the words with synonyms that one of these replaces."""
TRANSLATED_AT_ONCE: Final = 32

Translate = Callable[[Sequence[str]], list[str]]
Rewrite = Callable[[Sequence[str], Sequence[str], Sequence[str]], list[str]]


@dataclass(frozen=True)
class Augmentation:
    """dropout: share of words left out. synonyms: by word. translations: models there and back."""

    dropout: float = 0.0
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    translations: tuple[str, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.dropout or self.synonyms or self.translations)


def read_synonyms(path: str) -> dict[str, tuple[str, ...]]:
    """A file of lines `word<TAB>synonym,synonym`.

    Raises MissingInputError without the file, ConfigError for other lines.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        raise MissingInputError(
            f"text_training.synonyms: no file {path}; expected lines `word<TAB>synonym,synonym`"
        ) from None
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            word, tab, rest = line.partition("\t")
            others = tuple(told.strip() for told in rest.split(",") if told.strip())
            if not (tab and word.strip() and others):
                raise ConfigError(
                    f"text_training.synonyms: {path}:{number}: expected `word<TAB>synonym,…`, "
                    f"found {line[:60]!r}"
                )
            found[word.strip().casefold()] = others
    return found


def augmented(how: Augmentation) -> Transform:
    """[query, item_id, text, split, …] -> the same, and of each train row one in other words.

    What changes follows from the query and the item alone. A text that comes out as it was is not
    added.
    """

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rewrite = in_other_words(how)
        for batch in batches:
            yield batch
            whole = pa.Table.from_batches([batch])
            rows = whole.filter(pc.equal(whole["split"], "train"))
            told = rewrite(*(rows[name].to_pylist() for name in (QUERY, ITEM, TEXT)))
            others = pa.chunked_array([told], pa.string())
            changed = rows.set_column(rows.schema.get_field_index(TEXT), TEXT, others)
            yield from changed.filter(pc.not_equal(others, rows[TEXT])).to_batches()

    def transform(pairs: DataFrame) -> DataFrame:
        return pairs if how.is_off else pairs.mapInArrow(task, pairs.schema)

    return transform


def in_other_words(how: Augmentation) -> Rewrite:
    """N queries, items and texts -> N texts, line by line in other words."""
    back_and_forth = _translator(how.translations)

    def told(queries: Sequence[str], items: Sequence[str], texts: Sequence[str]) -> list[str]:
        return back_and_forth(
            [
                "\n".join(_changed(text.split("\n"), how, _generator(query, item)))
                for query, item, text in zip(queries, items, texts, strict=True)
            ]
        )

    return told


def _generator(query: str, item: str) -> np.random.Generator:
    seed = hashlib.sha256(f"{query}\0{item}".encode()).digest()[:8]
    return np.random.default_rng(int.from_bytes(seed))


def _changed(
    lines: Sequence[str], how: Augmentation, generator: np.random.Generator
) -> Iterator[str]:
    for line in lines:
        words = [_other(word, how.synonyms, generator) for word in line.split()]
        kept = [word for word in words if generator.random() >= how.dropout]
        yield " ".join(kept or words)


def _other(
    word: str, synonyms: Mapping[str, tuple[str, ...]], generator: np.random.Generator
) -> str:
    others = synonyms.get(word.casefold().strip(".,;:!?"))
    if not others or generator.random() >= REPLACED:
        return word
    return str(generator.choice(np.array(others)))


def _translator(models: Sequence[str]) -> Translate:
    steps = [_translating(model) for model in models]

    def told(texts: Sequence[str]) -> list[str]:
        for step in steps:
            texts = step(texts)
        return list(texts)

    return told


def _translating(model: str) -> Translate:
    """By a sequence-to-sequence model of transformers, such as Marian's."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    folder = str(hub_folder(model))
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    network: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True).eval()

    def told(texts: Sequence[str]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(texts), TRANSLATED_AT_ONCE):
            some = list(texts[start : start + TRANSLATED_AT_ONCE])
            given = tokenizer(some, return_tensors="pt", padding=True, truncation=True)
            made = network.generate(**given, num_beams=1, do_sample=False)
            found += tokenizer.batch_decode(made, skip_special_tokens=True)
        return found

    return told
