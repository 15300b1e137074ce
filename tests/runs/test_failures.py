"""What Spark, Delta and Hadoop raise, told in one line with an exit code."""

import pytest

from nightshelf.errors import MissingInputError
from nightshelf.runs.failures import explained


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (
            "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:/log/a.gz. SQL",
            65,
            "file:/log/a.gz: the file cannot be read",
        ),
        (
            "[CANNOT_READ_FILE_FOOTER] Could not read footer for file: hdfs://nn/log/part-1.parquet.",
            65,
            "hdfs://nn/log/part-1.parquet: the file cannot be read",
        ),
        (
            "[DELTA_CONCURRENT_APPEND] ConcurrentAppendException: Files were added\nto partition",
            75,
            "another writer changed the same table meanwhile; run again",
        ),
        (
            'Traceback (most recent call last):\n  File "x.py", line 1, in task\n'
            "nightshelf.errors.DataQualityError: users: no vector; train again\n",
            65,
            "users: no vector; train again",
        ),
        (
            "Traceback (most recent call last):\n"
            "nightshelf.errors.ConfigError: text.model: no weights for 'm'\n",
            64,
            "text.model: no weights for 'm'",
        ),
        (
            "Traceback (most recent call last):\n"
            "nightshelf.errors.RetryLaterError: s3a://shop/models: run again\n",
            75,
            "s3a://shop/models: run again",
        ),
        (
            "Job aborted due to stage failure: Total size of serialized results of 8 tasks (1100.0 "
            "MiB) is bigger than spark.driver.maxResultSize (1024.0 MiB)",
            64,
            "more rows come to the driver at once than spark.driver.maxResultSize (1024.0 MiB)",
        ),
        (
            "org.apache.hadoop.security.AccessControlException: Permission denied: user=airflow, "
            'access=READ, inode="/shop":hdfs:hdfs:drwx------',
            64,
            "storage: access is refused; give the job's user the right",
        ),
        (
            "java.nio.file.AccessDeniedException: s3a://shop/a.gz: getFileStatus on s3a://shop/a.gz"
            ": software.amazon.awssdk.services.s3.model.S3Exception: (Status Code: 403)",
            64,
            "storage: access is refused; give the job's user the right",
        ),
        ("java.net.ConnectException: Call to nn:8020 failed", 75, "storage did not answer"),
        (
            "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file s3a://log/a.gz.\n"
            "Caused by: java.net.SocketTimeoutException: Read timed out",
            75,
            "storage did not answer",
        ),
        (
            "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file hdfs://nn/a.gz.",
            75,
            "hdfs://nn/a.gz: the file was taken away while it was read",
        ),
    ],
)
def test_known_failures(raised: str, code: int, told: str) -> None:
    error = explained(RuntimeError(raised))
    assert error is not None
    assert error.exit_code == code
    assert told in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "raised",
    [
        "org.apache.hadoop.net.ConnectTimeoutException: 20000 millis timeout while waiting",
        "java.net.SocketException: Connection reset",
        "java.net.UnknownHostException: nn.shop",
        "org.apache.http.NoHttpResponseException: shop.s3.amazonaws.com:443 failed to respond",
        "org.apache.hadoop.fs.s3a.AWSStatus500Exception: PUT on data: Internal Server Error",
        "org.apache.hadoop.fs.s3a.AWSServiceThrottledException: PUT on data",
        "When reading information for key 'a': AWS Error NETWORK_CONNECTION during HeadObject",
        "AWS Error SLOW_DOWN during GetObject operation: Please reduce your request rate.",
        "AWS Error SERVICE_UNAVAILABLE during PutObject operation: Service is down.",
        "AWS Error REQUEST_TIMEOUT during GetObject operation: idle connection",
        "AWS Error INTERNAL_FAILURE during GetObject operation: try again",
    ],
)
def test_storage_that_does_not_answer_for_a_moment_is_asked_again(raised: str) -> None:
    error = explained(RuntimeError(f"An error occurred while calling o1.load.\n: {raised}"))
    assert error is not None
    assert error.exit_code == 75


@pytest.mark.parametrize("raised", ["AWS Error INVALID_ELEMENT during GetObject", "Not found"])
def test_what_would_be_the_same_again_is_not_asked_again(raised: str) -> None:
    assert explained(RuntimeError(raised)) is None


def test_our_own_errors_pass_and_bugs_stay_bugs() -> None:
    ours = MissingInputError("no file")
    assert explained(ours) is ours
    assert explained(ZeroDivisionError("oops")) is None
