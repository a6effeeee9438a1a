"""Weights to tables: one job per model, training and dataset."""


rule predict:
    """Saliency maps of the test frames (Sec. III)."""
    input:
        weights=weights,
        frames=test_stores("frames"),
        flow=flow_for(test_stores("flow")),
        frame_list=frame_list,
        stores=ancient(test_folders("frames")),
        flows=ancient(flow_for(test_folders("flow"))),
    output:
        store=directory("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        manifest="<results>/saliency/{model}/{training}/{dataset}.json",
    log:
        "<logs>/predict/{model}/{training}/{dataset}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=8000,
    params:
        code=code_digest("pipeline.predict"),
        network=network_json,
    shell:
        "python -m pipeline.predict --network {params.network:q} --weights {input.weights:q}"
        " --frames {input.frames:q} --flow {input.flow:q} --frame-list {input.frame_list:q}"
        " --threads {threads} --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule score:
    """AUC-J, CC, NSS, SIM and KLDiv of every test frame (Sec. IV-C)."""
    input:
        saliency="<results>/saliency/{model}/{training}/{dataset}.json",
        density=test_stores("density"),
        gaze=test_stores("gaze"),
        maps=ancient("<results>/saliency/{model}/{training}/{dataset}.zarr"),
        stores=ancient(test_folders("density", "gaze")),
    output:
        scores="<results>/scores/{model}/{training}/{dataset}.csv",
    log:
        "<logs>/score/{model}/{training}/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.score"),
        settings=cfg.score.model_dump_json(),
    shell:
        "python -m pipeline.score --saliency {input.saliency:q}"
        " --density {input.density:q} --gaze {input.gaze:q} --settings {params.settings:q}"
        " --threads {threads} --scores {output.scores:q} &> {log:q}"


rule tables:
    """Tables I to IX: printed value, ours and the difference (Sec. IV-D, IV-E)."""
    input:
        scores=measured_scores(),
        published=published_sheets(),
    output:
        tables=report(
            directory("results/tables"),
            patterns=["{table}.html"],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        "<logs>/tables/tables.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.tables"),
        published=published_folder,
        settings=tables_json(),
    shell:
        "python -m pipeline.tables --scores {input.scores:q} --published {params.published:q}"
        " --settings {params.settings:q} --out {output.tables:q} &> {log:q}"


rule loss_weights:
    """Other weights of Eq. (6): what the pretraining comes to with each (Sec. IV-B)."""
    input:
        scores=measured_scores(cfg.searching()),
    output:
        tables=directory("<results>/loss_weights"),
    log:
        "<logs>/tables/loss_weights.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.tables"),
        published=published_folder,
        settings=tables_json(cfg.searching()),
    shell:
        "python -m pipeline.tables --scores {input.scores:q} --published {params.published:q}"
        " --settings {params.settings:q} --out {output.tables:q} &> {log:q}"


rule submission:
    """Maps of a split whose gaze is hidden, packed for those who score it."""
    input:
        saliency="<results>/saliency/{model}/{training}/{dataset}.json",
        maps=ancient("<results>/saliency/{model}/{training}/{dataset}.zarr"),
    output:
        archive="<results>/submission/{model}/{training}/{dataset}.zip",
    log:
        "<logs>/submission/{model}/{training}/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.submission"),
        expected=submission_json,
    shell:
        "python -m pipeline.submission --saliency {input.saliency:q}"
        " --expected {params.expected:q} --method {wildcards.model}_{wildcards.training}"
        " --zip {output.archive:q} &> {log:q}"
