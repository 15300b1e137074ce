"""The configuration: precedence, and one clear line for every mistake."""

from datetime import date
from pathlib import Path

import pytest

from nightshelf.config import Config, as_it_was, config_hash, decisive, load, resolved
from nightshelf.config.render import base, properties
from nightshelf.config.section import without_secrets
from nightshelf.errors import ConfigError, MissingInputError

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text), overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(folder), "")


def test_set_wins_over_file_and_file_over_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "item_cf: {k: 7, shrinkage: 2.5}")
    config = load(path, ["item_cf.k=9", "ingest.first_day=2020-02-29"])
    assert (config.item_cf.k, config.item_cf.shrinkage, config.item_cf.min_co_users) == (9, 2.5, 2)
    assert config.ingest.first_day == date(2020, 2, 29)


def test_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().item_cf.k = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item_cf: {kk: 3}", "item_cf.kk: unknown key; nearest known key: item_cf.k"),
        ("itemcf: {k: 3}", "itemcf: unknown key; nearest known key: item_cf"),
        ("shrinkage: 3", "shrinkage: unknown key; nearest known key: item_cf.shrinkage"),
        ("item_cf: {k: '3'}", "item_cf.k: input should be a valid integer, found '3'"),
        ("item_cf: {k: 0}", "item_cf.k: input should be greater than or equal to 1, found 0"),
        ("item_cf: {shrinkage: .nan}", "item_cf.shrinkage: input should be a finite number"),
        ("ingest: {first_day: 2026-02-30}", "not YAML: day is out of range for month"),
        ("item_cf: {k: 3, k: 4}", "the key 'k' is given twice, again in line 1"),
        ("- a\n- b", "expected keys and values, found a list"),
        ("item_cf: [", "not YAML"),
        ("feedback: {weights: {buy: 3.0}}", "feedback.weights: no event type 'buy' here"),
        (
            "spark: {conf: {spark.hadoop.fs.s3a.secret.key: hush}}",
            "spark.conf: spark.hadoop.fs.s3a.secret.key holds a secret, which no config does",
        ),
        (
            "spark: {conf: {spark.authenticate.secret: hush}}",
            "spark.conf: spark.authenticate.secret holds a secret, which no config does",
        ),
        (
            "sources: {events: {format: csv, path: x, options: {fs.s3a.secret.key: hush}}}",
            "sources.events.0.options: fs.s3a.secret.key holds a secret, which no config does",
        ),
        (
            "ingest: {quarantine_limits: {no_user: 0.1}}",
            "'no_user' is not known here; nearest: missing_user",
        ),
        ("sources: {events: {format: cvs, path: x}}", "'cvs' is not known here; nearest: csv"),
        (
            "sources: {events: {format: csv, path: x, columns: {userid: a}}}",
            "sources.events.0.columns.userid: 'userid' is not known here; nearest: user_id",
        ),
        (
            "sources: {events: {format: csv, path: x, columns: {user_id: a}}}",
            "sources.events.0: no column or constant for event_type, event_ts",
        ),
        (
            "text_training: {kind: bi, student_layers: 3}",
            "student_layers: a student learns what a judge says; expected kind cross with it",
        ),
        (
            "maintenance: {history_days: 7}",
            "shop.yaml: maintenance.history_days: 7 days are kept, too few for "
            "evaluate.horizon_days: 7",
        ),
        (
            "{maintenance: {history_days: 20}, drift: {reference_days: 21}}",
            "maintenance.history_days: 20 days are kept, too few for drift.reference_days: 21",
        ),
        ("warehouse: /data/wh", "warehouse: input should be a valid dictionary"),
        ("simulate: true", "simulate: input should be a valid dictionary"),
        ("audits: {days: 31}", "audits.days: input should be less than or equal to 30, found 31"),
        ("drift: {reference_days: 31}", "input should be less than or equal to 30, found 31"),
        (
            "sources: {events: {format: hive, path: x, columns: {user_id: a}}}",
            "a source of format hive needs 'table' and no 'path'",
        ),
        (
            "sources: {events: {format: csv, path: x, columns: {user_id: {column: 3}}}}",
            "sources.events.0.columns.user_id.column: input should be a valid string, found 3",
        ),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)


@pytest.mark.parametrize(
    "name",
    [
        "fs.s3a.access.key", "fs.s3a.session.token", "fs.s3a.encryption.key",
        "fs.s3a.server-side-encryption.key", "parquet.encryption.key.list",
        "fs.azure.account.key.shop.dfs.core.windows.net", "fs.azure.account.key",
        "fs.azure.account.oauth2.client.secret",
        "fs.azure.account.oauth2.client.secret.shop.dfs.core.windows.net",
        "fs.azure.account.oauth2.refresh.token", "fs.azure.sas.my-logs.shop.blob.core.windows.net",
        "fs.azure.sas.fixed.token.shop.dfs.core.windows.net",
        "fs.gs.auth.service.account.private.key", "clientSecret", "password",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY", "spark.executorEnv.AWS_SESSION_TOKEN",
        "spark.yarn.appMasterEnv.NIGHTSHELF_PSEUDONYM_KEY", "spark.executorEnv.AZURE_STORAGE_KEY",
        "spark.executorEnv.AZURE_STORAGE_ACCOUNT_KEY",
        "spark.kubernetes.driverEnv.NIGHTSHELF_PSEUDONYM_KEY",
    ],
)  # fmt: skip
def test_no_setting_holds_a_secret(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} holds a secret") as caught:
        without_secrets({"header": True, name: "hush"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "sep", "fs.azure.account.keyprovider.shop", "fs.azure.sas.token.provider.type.shop",
        "spark.io.encryption.keySizeBits", "fs.s3a.encryption.algorithm",
        "spark.hadoop.hadoop.security.credential.provider.path",
        "spark.executorEnv.GOOGLE_APPLICATION_CREDENTIALS",
        "spark.kubernetes.driver.secretKeyRef.NIGHTSHELF_PSEUDONYM_KEY",
        "spark.kubernetes.executor.secretKeyRef.AWS_SECRET_ACCESS_KEY",
    ],
)  # fmt: skip
def test_what_holds_no_secret_is_a_setting(name: str) -> None:
    assert without_secrets({name: "x"}) == {name: "x"}


def test_yaml_tags_are_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    message = refused(tmp_path, f"x: !!python/object/apply:os.system ['touch {planted}']")
    assert "line 1: the YAML tag !!python/object/apply:os.system is refused" in message
    assert not planted.exists()


@pytest.mark.parametrize("override", ["item_cf.k", "=3", "item_cf.k.x=3"])
def test_set_needs_a_key_and_a_value(tmp_path: Path, override: str) -> None:
    assert f"--set {override}" in refused(tmp_path, "item_cf: {k: 3}", override)


def test_a_missing_file_is_a_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such config file"):
        load(tmp_path / "absent.yaml")


def test_without_events_the_simulated_shop_is_read(tmp_path: Path) -> None:
    config = load(written(tmp_path, "warehouse: {root: /data/wh}"))
    assert config.simulate.enabled
    assert config.sources.events[0].path == "/data/wh/shop/events/ds={ds}"


@pytest.mark.parametrize("path", sorted((ROOT / "conf").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_file_loads_and_is_read_back_as_printed(path: Path, tmp_path: Path) -> None:
    config = load(path)
    assert load(written(tmp_path, resolved(config))) == config


def test_base_yaml_is_what_the_definitions_say() -> None:
    assert (ROOT / "conf" / "base.yaml").read_text() == base()


def test_java_reads_the_settings_as_they_are() -> None:
    """In a properties file a backslash stands before what is meant otherwise."""
    conf = {"spark.b": r"-Dpattern=\d+\.gz", "spark.a": "1"}
    told = properties(Config.model_validate({"spark": {"conf": conf}}))
    assert told == "spark.a 1\n" + r"spark.b -Dpattern=\\d+\\.gz" + "\n"


def test_hash_changes_with_results_only() -> None:
    plain = load(None)
    assert config_hash(plain) == config_hash(load(None, ["logging.level=debug"]))
    assert config_hash(plain) != config_hash(load(None, ["item_cf.k=51"]))
    assert config_hash(plain, "recommend") == config_hash(load(None, ["item_cf.k=51"]), "recommend")
    fewer = load(None, ["recommend.k=7"])
    assert config_hash(plain, "recommend") != config_hash(fewer, "recommend")
    assert config_hash(plain, "recommend.pool") == config_hash(fewer, "recommend.pool")


def test_a_past_configuration_is_the_same_again() -> None:
    """Its results' sections; where tables lie and how Spark runs are today's."""
    then = load(None, ["item_cf.k=7", "simulate.start=2026-02-01", "recommend.k=3"])
    now = load(None, ["warehouse.root=elsewhere", "audits.max_fallback=0.1", "item_cf.k=9"])
    again = as_it_was(decisive(then), now)
    assert config_hash(again) == config_hash(then)
    assert (again.item_cf.k, again.warehouse.root) == (7, "elsewhere")
    assert again.audits.max_fallback is None
    short = load(None, ["maintenance.history_days=10"])
    assert as_it_was(decisive(load(None, ["evaluate.horizon_days=30"])), short)
    with pytest.raises(ConfigError, match="the recorded configuration: gone: unknown key"):
        as_it_was("gone: {key: 1}", now)
