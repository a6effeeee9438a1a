"""From raw videos and raw gaze to every table of the paper: snakemake --cores 8 results/tables.

frames -> flow ;  gaze -> density ;  pretrain -> finetune ;  predict -> score -> tables
"""

import sys

from pipeline.config.config import load, run_file
from pipeline.planning.provenance import code_digest, use_this_python
from pipeline.planning.missing import missing_message
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


if config["run"] != "paper":

    configfile: run_file(config["run"])


use_this_python()
try:
    cfg = load(config)
    # preflight tells more of what is missing; a job of a cluster was planned already.
    looked = {"preflight", "--target-jobs"} & set(sys.argv)
    message = None if looked else missing_message(cfg)
except ValueError as error:
    message = str(error)
if message:
    raise SystemExit(f"\n{message}")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


rule all:
    """Every table of the paper, and the pictures, statistics and checks of the report."""
    default_target: True
    input:
        "results/tables",
        all_pictures(),
        all_statistics(),
        all_alignments(),
        all_gates(),
