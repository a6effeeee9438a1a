"""Weights to scores: one job per model, training and dataset."""


rule predict:
    """Saliency maps of the test frames (Sec. III)."""
    input:
        weights=inputs.weights,
        frames=inputs.tested("frames"),
        flow=inputs.of_the_flow(inputs.tested),
        frame_list=inputs.frame_list,
        stores=ancient(inputs.tested("frames", ending=".zarr")),
        flows=ancient(inputs.of_the_flow(inputs.tested, ending=".zarr")),
    output:
        store=directory("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        manifest="<results>/saliency/{model}/{training}/{dataset}.json",
    log:
        "<logs>/predict/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/predict/{model}/{training}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "networks")),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=settings.prediction_memory,
    params:
        inputs=lists("frames", "flow"),
        code=settings.network_code("pipeline.evaluation.predict"),
        network=settings.network,
        dataset=settings.over,
    shell:
        "python -m pipeline.evaluation.predict --network {params.network:q}"
        " --weights {input.weights:q} --dataset {params.dataset:q} {params.inputs:q} --frame-list {input.frame_list:q}"
        " --threads {threads} --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule gather:
    """Saliency maps that somebody else's model made (docs/evaluation.md)."""
    input:
        maps=inputs.given_maps,
        density=inputs.tested("density"),
        frame_list=inputs.frame_list,
    output:
        store=directory("<results>/saliency/{model}/given/{dataset}.zarr"),
        manifest="<results>/saliency/{model}/given/{dataset}.json",
        findings="<results>/saliency/{model}/given/{dataset}.csv",
    log:
        "<logs>/gather/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/gather/{model}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "given")),
    conda:
        "../../envs/data.yaml"
    params:
        inputs=lists("density"),
        code=code_digest("pipeline.evaluation.gather"),
        files=settings.given_files,
    shell:
        "python -m pipeline.evaluation.gather --maps {input.maps:q} {params.inputs:q}"
        " --frame-list {input.frame_list:q} --store {output.store:q} --manifest {output.manifest:q}"
        " --findings {output.findings:q} &> {log:q}"


rule score:
    """Metrics of every test frame by a protocol (Sec. IV-C)."""
    input:
        saliency="<results>/saliency/{model}/{training}/{dataset}.json",
        density=inputs.tested("density"),
        gaze=inputs.tested("gaze"),
        maps=ancient("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        stores=ancient(inputs.tested("density", "gaze", ending=".zarr")),
    output:
        scores="<results>/scores/{protocol}/{model}/{training}/{dataset}.csv",
    log:
        "<logs>/score/{protocol}/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/score/{protocol}/{model}/{training}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "maps")),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        scheduler="threads",
    params:
        inputs=lists("density", "gaze"),
        code=code_digest("pipeline.evaluation.score"),
        metrics=further_metrics,
        seed=cfg.seed,
    shell:
        "python -m pipeline.evaluation.score --saliency {input.saliency:q} {params.inputs:q}"
        " --protocol {wildcards.protocol} --metrics {params.metrics:q} --seed {params.seed}"
        " --scheduler {resources.scheduler} --threads {threads} --scores {output.scores:q}"
        " &> {log:q}"


rule observers:
    """How well the other observers' gaze predicts an observer's: what no model can surpass by much."""
    input:
        gaze=inputs.tested("gaze"),
        density=inputs.tested("density"),
        frame_list=inputs.frame_list,
        stores=ancient(inputs.tested("gaze", "density", ending=".zarr")),
    output:
        scores="<results>/scores/{protocol}/{model}/untrained/{dataset}.csv",
    log:
        "<logs>/observers/{protocol}/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/observers/{protocol}/{model}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "observed")),
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        inputs=lists("gaze", "density"),
        code=code_digest("pipeline.evaluation.observers"),
        recipe=settings.dataset("density"),
        held_out=settings.held_out,
        metrics=further_metrics,
        seed=cfg.seed,
    shell:
        "python -m pipeline.evaluation.observers {params.inputs:q}"
        " --frame-list {input.frame_list:q} --recipe {params.recipe:q} --held-out {params.held_out}"
        " --protocol {wildcards.protocol} --metrics {params.metrics:q} --seed {params.seed}"
        " --threads {threads} --scores {output.scores:q} &> {log:q}"
