"""Pictures of results, statistics of datasets, and the report that tells it all on one page."""


include: "reported.smk"


rule pictures:
    """The best, the median and the worst clip: each model's map and its error (Fig. 4, 5)."""
    input:
        frames=test_stores("frames"),
        flow=test_stores("flow"),
        density=test_stores("density"),
        saliency=pictured_maps,
        scores=pictured_scores,
        stores=ancient(test_folders("frames", "flow", "density")),
    output:
        picture=report(
            "<results>/pictures/{dataset}.png",
            caption="../report/pictures.rst",
            category="Pictures",
        ),
        sheet="<results>/pictures/{dataset}.csv",
    log:
        "<logs>/pictures/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/pictures/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("pipeline.reporting.pictures"),
        labels=pictured_labels,
        protocol=cfg.score.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.pictures --frames {input.frames:q} --flow {input.flow:q}"
        " --density {input.density:q} --saliency {input.saliency:q} --scores {input.scores:q}"
        " --labels {params.labels:q} --protocol {params.protocol} --seed {params.seed}"
        " --picture {output.picture:q} --sheet {output.sheet:q} &> {log:q}"


rule gates:
    """Which stream the gate listens to, over time and place (Fig. 4, 6)."""
    input:
        weights=weights,
        frames=test_stores("frames"),
        flow=test_stores("flow"),
        stores=ancient(test_folders("frames", "flow")),
    output:
        sheet="<results>/gates/{model}/{training}/{dataset}.csv",
        curves=report(
            "<results>/gates/{model}/{training}/{dataset}_curves.png",
            caption="../report/gates.rst",
            category="Gates",
        ),
        panels=report(
            "<results>/gates/{model}/{training}/{dataset}_panels.png",
            caption="../report/gates.rst",
            category="Gates",
        ),
    log:
        "<logs>/gates/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/gates/{model}/{training}/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.reporting.gates"),
        network=network_json,
    shell:
        "python -m pipeline.reporting.gates --network {params.network:q} --weights {input.weights:q}"
        " --frames {input.frames:q} --flow {input.flow:q} --threads {threads}"
        " --sheet {output.sheet:q} --curves {output.curves:q} --panels {output.panels:q} &> {log:q}"


rule curves:
    """The loss of every training (Eq. 6)."""
    input:
        logs=training_logs(),
    output:
        picture=report(
            "<results>/pictures/training.png",
            caption="../report/curves.rst",
            category="Training",
        ),
    log:
        "<logs>/curves/curves.log",
    benchmark:
        "<logs>/benchmarks/curves/curves.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.curves"),
    shell:
        "python -m pipeline.reporting.curves --logs {input.logs:q} --picture {output.picture:q} &> {log:q}"


rule statistics:
    """Frames, gaze, motion and density of every scored clip (Sec. IV-A)."""
    input:
        frames=test_stores("frames"),
        flow=test_stores("flow"),
        gaze=test_stores("gaze"),
        density=test_stores("density"),
        stores=ancient(test_folders("frames", "flow", "gaze", "density")),
    output:
        sheet=report(
            "<results>/statistics/{dataset}.csv",
            caption="../report/statistics.rst",
            category="Datasets",
        ),
    log:
        "<logs>/statistics/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/statistics/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.checks.statistics"),
    shell:
        "python -m pipeline.checks.statistics --frames {input.frames:q} --flow {input.flow:q}"
        " --gaze {input.gaze:q} --density {input.density:q} --threads {threads}"
        " --sheet {output.sheet:q} &> {log:q}"


rule alignment:
    """Does the gaze of every clip fit its frames, in length, in place and in time?"""
    input:
        frames=used_stores("frames"),
        flow=used_stores("flow"),
        gaze=used_stores("gaze"),
        stores=ancient(used_folders("frames", "flow", "gaze")),
    output:
        sheet=report(
            "<results>/alignment/{dataset}.csv",
            caption="../report/alignment.rst",
            category="Datasets",
        ),
    log:
        "<logs>/alignment/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/alignment/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.checks.alignment"),
        settings=cfg.alignment.model_dump_json(),
    shell:
        "python -m pipeline.checks.alignment --frames {input.frames:q} --flow {input.flow:q}"
        " --gaze {input.gaze:q} --settings {params.settings:q} --sheet {output.sheet:q} &> {log:q}"


rule report:
    """All of it on one page that needs no network: tables, pictures, checks and times."""
    input:
        tables="results/tables",
        pictures=all_pictures(),  # with a sheet beside each that is of a dataset
        logs=training_logs(),
        gates=all_gates(),  # with two pictures beside each
        alignment=all_alignments(),
    output:
        page="<results>/report.html",
    log:
        "<logs>/report/report.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.report"),
        # No input: they are nobody's output, and another timing of the same jobs tells nothing new.
        benchmarks=benchmarks_folder,
        settings=tables_json(),
    shell:
        "python -m pipeline.reporting.report --tables {input.tables:q} --pictures {input.pictures:q}"
        " --logs {input.logs:q} --gates {input.gates:q} --alignment {input.alignment:q}"
        " --benchmarks {params.benchmarks:q} --settings {params.settings:q}"
        " --page {output.page:q} &> {log:q}"
