"""LSA where its BLAS has shut its threads down: it does so at each fork."""

import subprocess
import sys

FORKED = """
import os
from nightshelf.text.lsa import fit

texts = [f"item number {n} of brand {n % 7} colour {n % 5} word{n * 31}" for n in range(8)]
before = fit(texts, 64, 7)
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
after = fit(texts, 64, 7)
print((before.directions == after.directions).all())
"""


def test_it_learns_the_same_after_a_fork() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stdout == "True\n"
