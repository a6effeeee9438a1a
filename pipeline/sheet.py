"""The former place of `python -m pipeline.checks.split_sheet`, kept for one release."""

import runpy
import sys

if __name__ == "__main__":
    print("pipeline.sheet is now pipeline.checks.split_sheet", file=sys.stderr)
    runpy.run_module("pipeline.checks.split_sheet", run_name="__main__", alter_sys=True)
