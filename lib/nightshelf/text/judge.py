"""How well texts answer queries, by a fine-tuned cross-encoder, as Spark's workers use it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from nightshelf.columns import ITEM, QUERY, RELEVANCE, TEXT, Transform
from nightshelf.learning.loading import Loader, loaded
from nightshelf.learning.storage import Folder
from nightshelf.text.batches import Tokenizer, batches
from nightshelf.text.int8 import FILE, quantised, states
from nightshelf.text.networks import classifier, inputs

Judge = Callable[[Sequence[str], Sequence[str]], NDArray[np.float32]]
"""(queries, texts) -> (N,): probabilities that who looks at the item for the query clicks it."""


@dataclass(frozen=True)
class JudgeLoader:
    """Where a cross-encoder lies and how it multiplies; calling it loads it."""

    folder: str
    precision: Literal["fp32", "bf16", "int8"]
    max_tokens: int
    at_once: int

    @property
    def key(self) -> str:
        """Tells models apart."""
        return f"{self.folder}:{self.precision}"

    def prepare(self) -> None:
        """Writes the eight-bit weights beside the others, where they are wanted."""
        folder = Folder(self.folder)
        if self.precision == "int8" and FILE not in folder.names():
            with folder.local() as where:
                folder.write(FILE, quantised(classifier(where), "logits"))

    def __call__(self) -> Judge:
        """The model, on the threads that Spark gives its task."""
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        with Folder(self.folder).local() as where:
            tokenizer = Tokenizer(where, self.max_tokens)
            logits = self._logits(where)

        def judge(queries: Sequence[str], texts: Sequence[str]) -> NDArray[np.float32]:
            tokens = tokenizer.pairs(queries, texts)
            found = np.empty(len(tokens.ids), np.float32)
            for batch in batches(tokens, tokenizer.padding, self.at_once):
                found[batch.rows] = torch.sigmoid(logits(batch)[:, 0].float()).numpy()
            # Sums differ in their last bits by what a pair is batched with.
            return found.round(4)

        return judge

    def _logits(self, where: Any) -> Callable[[Any], torch.Tensor]:
        if self.precision == "int8":
            return states((where / FILE).read_bytes(), torch.get_num_threads())
        kind = torch.bfloat16 if self.precision == "bf16" else torch.float32
        model = classifier(where).to(kind)

        def told(batch: Any) -> torch.Tensor:
            with torch.inference_mode():
                logits: torch.Tensor = model(**inputs(batch, model)).logits
            return logits

        return told


def judgements(load: Loader[Judge]) -> Transform:
    """[query, item_id, text] -> [query, item_id, relevance]."""

    def task(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            if batch.num_rows:
                texts = (batch.column(name).to_pylist() for name in (QUERY, TEXT))
                found = pa.array(loaded(load)(*texts).astype(np.float64))
                columns = [batch.column(QUERY), batch.column(ITEM), found]
                yield pa.RecordBatch.from_arrays(columns, [QUERY, ITEM, RELEVANCE])

    schema = f"{QUERY} string, {ITEM} string, {RELEVANCE} double"
    return lambda pairs: pairs.select(QUERY, ITEM, TEXT).mapInArrow(task, schema)
