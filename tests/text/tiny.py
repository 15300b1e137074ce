"""A tiny pretrained model: what it says means nothing, all else is as with a real one."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    BertConfig,
    DistilBertConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

WORDS = ("blue", "red", "mug", "lamp", "shoe", "for", "the", "kitchen", "a", "##s", "1", "café")


def save(folder: Path, *, seed: int = 0, kind: str = "bert") -> Path:
    """Saves weights, config and tokenizer as transformers does; at most 64 tokens.

    kind: `bert`, `roberta` or `distilbert`, whose config has other names for the same.
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: n for n, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    AutoModel.from_config(_config(kind, len(vocabulary))).save_pretrained(folder)
    return folder


def _config(kind: str, words: int) -> PreTrainedConfig:
    if kind == "distilbert":
        return DistilBertConfig(
            vocab_size=words, dim=16, n_layers=2, n_heads=2, hidden_dim=32,
            max_position_embeddings=64,
        )  # fmt: skip
    made = {"bert": BertConfig, "roberta": RobertaConfig}[kind]
    return made(
        vocab_size=words,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64 if kind == "bert" else 65,
        pad_token_id=0,
    )
