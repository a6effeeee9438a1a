"""From raw videos and raw gaze to every table of the paper: snakemake --cores 8 results/tables.

frames -> flow ;  gaze -> density ;  pretrain -> finetune ;  predict -> score -> tables
"""

import sys

from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, str(workflow.current_basedir))

from pipeline.evaluation.metrics.registry import METRICS
from pipeline.planning.missing import planned
from pipeline.planning.provenance import use_this_python

use_this_python()
cfg = planned(config, sys.argv, METRICS, workflow.overwrite_configfiles)


pathvars:
    **cfg.pathvars,


include: "workflow/rules/common.smk"
include: "workflow/rules/raw.smk"
include: "workflow/rules/preprocessing.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/teaching.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/reporting.smk"


rule all:
    """Every table of the papers, and the pictures, statistics and checks of the report."""
    default_target: True
    input:
        "results/tables",
        targets.everything_beside_tables(cfg),
