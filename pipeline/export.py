"""The former place of `python -m pipeline.reporting.export`, kept for one release."""

import runpy
import sys

if __name__ == "__main__":
    print("pipeline.export is now pipeline.reporting.export", file=sys.stderr)
    runpy.run_module("pipeline.reporting.export", run_name="__main__", alter_sys=True)
