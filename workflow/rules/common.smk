"""What all rules share: their input functions, their settings and the wildcards' constraints.

Everything is planned in pipeline/planning, which is tested without Snakemake.
"""

import gc
import re
from pathlib import Path

from pipeline.config.protocols import PROTOCOLS
from pipeline.config.section import GIVEN, MAIN_FLOW, UNTRAINED
from pipeline.demo.drawn import drawn_files
from pipeline.evaluation.protocols import further
from pipeline.planning import claims, made, targets
from pipeline.planning.contract import try_networks
from pipeline.planning.costs.jobs import announced
from pipeline.planning.inputs import LEARNED, Inputs
from pipeline.planning.locks import answer_sigterm, hold
from pipeline.planning.missing import TAUGHT
from pipeline.planning.messages import readable
from pipeline.planning.needs import flows
from pipeline.planning.provenance import code_digest
from pipeline.planning.raw_files import drawn_datasets
from pipeline.planning.rows import searching
from pipeline.planning.settings import FOLDER, Settings, as_json, lists

gc.disable()  # the millions of objects of a plan are needed to its end
if workflow.is_main_process:
    hold(Path(".snakemake"))
    answer_sigterm()
    try_networks(cfg, FOLDER)

messages = readable(workflow, lambda: targets.files(cfg))
inputs = Inputs(cfg)
SHOWN = ("frames", "density", "gaze")  # what figures show of a dataset
settings = Settings(cfg, inputs)


def further_metrics(wildcards):
    """Metrics that tables ask for besides those that the protocol reports anyway."""
    return further(wildcards.protocol, settings.metrics(wildcards))


def one_of(names):
    return "|".join(map(re.escape, names)) or "(?!)"


onstart:
    gc.enable()
    jobs = ((job.rule.name, dict(job.wildcards_dict)) for job in workflow.dag.needrun_jobs())
    for line in announced(cfg, jobs, workflow.cores or 1):
        print(line, file=sys.stderr)


onsuccess:
    if messages.found(f"{cfg.pathvars['results']}/preflight.json"):
        sys.exit(1)


onerror:
    print(messages.errors(), file=sys.stderr)


wildcard_constraints:
    dataset=one_of([*cfg.datasets, *cfg.meta_datasets, *cfg.submissions]),
    part=r"\d{4}",
    model=one_of(cfg.models),
    protocol=one_of(PROTOCOLS),
    table=one_of(cfg.tables),
    training=one_of([*cfg.trainings, *targets.pretrainings(cfg), UNTRAINED, GIVEN]),
    flow=one_of(flows(cfg)),
