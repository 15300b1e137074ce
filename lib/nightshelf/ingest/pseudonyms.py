"""Pseudonyms for user ids: HMAC-SHA256 under a key that only the environment holds."""

import hashlib
import hmac
import os
from collections.abc import Callable

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from nightshelf.config import PrivacyConfig
from nightshelf.errors import ConfigError

MIN_KEY_BYTES = 16


def pseudonymiser(config: PrivacyConfig) -> Callable[[Column], Column] | None:
    """The function that turns a user id into its pseudonym (64 hex digits); None where not wanted.

    The key travels inside the function's closure, never in a query plan, which Spark logs.
    Raises ConfigError where the key is missing or short; no message holds it.
    """
    if not config.pseudonymise:
        return None
    key = _key(config)

    def pseudonyms(ids: pd.Series) -> pd.Series:  # type: ignore[type-arg]
        return ids.map(lambda told: _pseudonym(key, told), na_action="ignore")

    udf = pandas_udf(pseudonyms, "string")  # type: ignore[call-overload]

    def pseudonym(column: Column) -> Column:
        return F.when(F.trim(column) != "", udf(column))

    return pseudonym


def fingerprint(config: PrivacyConfig) -> str | None:
    """Tells keys apart without telling them; None where ids stay as they are."""
    return _pseudonym(_key(config), "which key this is")[:16] if config.pseudonymise else None


def pseudonym_of(config: PrivacyConfig, user: str) -> str | None:
    """The pseudonym of one user id; None where not wanted. Raises ConfigError as above."""
    return _pseudonym(_key(config), user) if config.pseudonymise else None


def _pseudonym(key: bytes, user: str) -> str:
    return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()


def _key(config: PrivacyConfig) -> bytes:
    key = os.environ.get(config.key_env, "").encode()
    if len(key) < MIN_KEY_BYTES:
        found = f"{len(key)} bytes" if key else "nothing"
        raise ConfigError(
            f"privacy.pseudonymise: the environment variable {config.key_env} holds {found}, "
            f"expected a secret of at least {MIN_KEY_BYTES} bytes; set it, the same for every night"
        )
    return key
