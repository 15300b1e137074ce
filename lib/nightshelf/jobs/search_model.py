"""The fine-tuned text model that search uses, where there is one."""

from typing import Final

from nightshelf.errors import NightshelfError
from nightshelf.jobs import ranking_model as model
from nightshelf.ranking.registry import BI, CROSS, Kind
from nightshelf.runs import Run
from nightshelf.text.judge import JudgeLoader

KINDS: Final[dict[str, Kind]] = {"cross": CROSS, "bi": BI}


def kind_of_training(run: Run) -> Kind:
    """As what a fine-tuned model is registered."""
    return KINDS[run.config.text_training.kind]


def search_judge(run: Run) -> tuple[str, JudgeLoader] | None:
    """(model_id, loader) of the model that judges on ds; None, with a warning, without any.

    Raises RetryLaterError where storage fails.
    """
    config = run.config.text_training
    if not config.enabled or not run.config.search.rerank:
        return None
    with model.or_without("search results are not judged again", (NightshelfError, OSError)):
        found = model.model_in_use(run, CROSS)
        if found is None:
            return None
        model_id, folder = found
        loader = JudgeLoader(
            folder, config.scoring, config.max_tokens, run.config.text.tokens_at_once
        )
        loader.prepare()
        loader()  # read once to be sure of it
        return model_id, loader
    return None
