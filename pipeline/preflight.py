"""The former place of `python -m pipeline.checks.preflight`, kept for one release."""

import runpy
import sys

if __name__ == "__main__":
    print("pipeline.preflight is now pipeline.checks.preflight", file=sys.stderr)
    runpy.run_module("pipeline.checks.preflight", run_name="__main__", alter_sys=True)
