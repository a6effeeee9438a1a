"""Weights to tables: one job per model, training and dataset."""


rule predict:
    """Saliency maps of the test frames (Sec. III)."""
    input:
        weights=weights,
        frames=test_stores("frames"),
        flow=flow_for(test_stores),
        frame_list=frame_list,
        stores=ancient(test_folders("frames")),
        flows=ancient(flow_for(test_folders)),
    output:
        store=directory("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        manifest="<results>/saliency/{model}/{training}/{dataset}.json",
    log:
        "<logs>/predict/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/predict/{model}/{training}/{dataset}.tsv"
    wildcard_constraints:
        training=one_of([*cfg.trainings, *pretrainings(), UNTRAINED]),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=8000,
    params:
        code=code_digest("pipeline.evaluation.predict"),
        network=network_json,
    shell:
        "python -m pipeline.evaluation.predict --network {params.network:q} --weights {input.weights:q}"
        " --frames {input.frames:q} --flow {input.flow:q} --frame-list {input.frame_list:q}"
        " --threads {threads} --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule gather:
    """Saliency maps that somebody else's model made (docs/protocols.md)."""
    input:
        maps=given_maps,
        density=test_stores("density"),
        frame_list=frame_list,
    output:
        store=directory("<results>/saliency/{model}/given/{dataset}.zarr"),
        manifest="<results>/saliency/{model}/given/{dataset}.json",
        findings="<results>/saliency/{model}/given/{dataset}.csv",
    log:
        "<logs>/gather/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/gather/{model}/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.evaluation.gather"),
        files=given_files,
    shell:
        "python -m pipeline.evaluation.gather --maps {input.maps:q} --density {input.density:q}"
        " --frame-list {input.frame_list:q} --store {output.store:q} --manifest {output.manifest:q}"
        " --findings {output.findings:q} &> {log:q}"


rule score:
    """Metrics of every test frame by a protocol (Sec. IV-C)."""
    input:
        saliency="<results>/saliency/{model}/{training}/{dataset}.json",
        density=test_stores("density"),
        gaze=test_stores("gaze"),
        maps=ancient("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        stores=ancient(test_folders("density", "gaze")),
    output:
        scores="<results>/scores/{protocol}/{model}/{training}/{dataset}.csv",
    log:
        "<logs>/score/{protocol}/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/score/{protocol}/{model}/{training}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(models("maps")),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        scheduler="threads",
    params:
        code=code_digest("pipeline.evaluation.score"),
        seed=cfg.seed,
    shell:
        "python -m pipeline.evaluation.score --saliency {input.saliency:q} --density {input.density:q}"
        " --gaze {input.gaze:q} --protocol {wildcards.protocol} --seed {params.seed}"
        " --scheduler {resources.scheduler} --threads {threads} --scores {output.scores:q} &> {log:q}"


rule observers:
    """How well the other observers' gaze predicts an observer's: what no model can surpass by much."""
    input:
        gaze=test_stores("gaze"),
        density=test_stores("density"),
        frame_list=frame_list,
        stores=ancient(test_folders("gaze", "density")),
    output:
        scores="<results>/scores/{protocol}/{model}/untrained/{dataset}.csv",
    log:
        "<logs>/observers/{protocol}/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/observers/{protocol}/{model}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(models("observed")),
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.evaluation.observers"),
        recipe=density_recipe,
        held_out=held_out,
        seed=cfg.seed,
    shell:
        "python -m pipeline.evaluation.observers --gaze {input.gaze:q} --density {input.density:q}"
        " --frame-list {input.frame_list:q} --recipe {params.recipe:q}"
        " --held-out {params.held_out} --protocol {wildcards.protocol} --seed {params.seed}"
        " --threads {threads} --scores {output.scores:q} &> {log:q}"


rule tables:
    """Every table of both papers: printed value, ours and the difference (Sec. IV-D, IV-E)."""
    input:
        scores=measured_scores(),
        published=published_sheets(),
        attributes=attribute_sheets(),
    output:
        tables=report(
            directory("results/tables"),
            patterns=["{table}.html"],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        "<logs>/tables/tables.log",
    benchmark:
        "<logs>/benchmarks/tables/tables.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.tables"),
        published=published_folder,
        settings=tables_json(),
    shell:
        "python -m pipeline.reporting.tables --scores {input.scores:q} --published {params.published:q}"
        " --settings {params.settings:q} --out {output.tables:q} &> {log:q}"


rule loss_weights:
    """Other weights of Eq. (6): what the pretraining comes to with each (Sec. IV-B)."""
    input:
        scores=measured_scores(cfg.searching()),
        attributes=attribute_sheets(cfg.searching()),
    output:
        tables=directory("<results>/loss_weights"),
    log:
        "<logs>/tables/loss_weights.log",
    benchmark:
        "<logs>/benchmarks/loss_weights/loss_weights.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.tables"),
        published=published_folder,
        settings=tables_json(cfg.searching()),
    shell:
        "python -m pipeline.reporting.tables --scores {input.scores:q} --published {params.published:q}"
        " --settings {params.settings:q} --out {output.tables:q} &> {log:q}"


rule compare:
    """One model's maps by every protocol, side by side."""
    input:
        scores=expand(
            "<results>/scores/{protocol}/{{model}}/{{training}}/{{dataset}}.csv",
            protocol=PROTOCOLS,
        ),
    output:
        page=directory("<results>/protocols/{model}/{training}/{dataset}"),
    log:
        "<logs>/compare/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/compare/{model}/{training}/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.compare"),
        title="{model}, {training}, on {dataset}",
        truth=ground_truth,
        average=averaged,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.compare --scores {input.scores:q} --title {params.title:q}"
        " --truth {params.truth:q} --average {params.average} --seed {params.seed}"
        " --out {output.page:q} &> {log:q}"


rule submission:
    """Maps of a split whose gaze is hidden, packed for those who score it."""
    input:
        saliency="<results>/saliency/{model}/{training}/{dataset}.json",
        maps=ancient("<results>/saliency/{model}/{training}/{dataset}.zarr"),
    output:
        archive="<results>/submission/{model}/{training}/{dataset}.zip",
    log:
        "<logs>/submission/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/submission/{model}/{training}/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.submission"),
        expected=submission_json,
    shell:
        "python -m pipeline.reporting.submission --saliency {input.saliency:q}"
        " --expected {params.expected:q} --method {wildcards.model}_{wildcards.training}"
        " --zip {output.archive:q} &> {log:q}"
