"""`python -m ctworkbench`."""

import sys

from ctworkbench.cli import main

sys.exit(main())
