"""python -m tests.conformance [PYTEST OPTION ...]: every case of Feast's suite, with both engines, one a line."""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-v", "--no-header", "-p", "no:cacheprovider", str(Path(__file__).parent), *sys.argv[1:]]))
