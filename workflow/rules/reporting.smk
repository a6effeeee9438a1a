"""Scores to tables, pages and pictures."""


rule tables:
    """Every table of both papers: printed value, ours and the difference (Sec. IV-D, IV-E)."""
    input:
        scores=targets.measured_scores(cfg),
        # Functions are not called before sheets that preflight misses are there.
        made=lambda _: made.manifests(cfg),
        tested=lambda _: targets.tested_truth(cfg),
        trained=lambda _: targets.trained_truth(cfg),
        lists=targets.frame_lists(cfg),
        published=targets.published_sheets(cfg),
        attributes=targets.attribute_sheets(cfg),
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
        inputs=lists("scores", "made", "tested", "trained"),
        code=code_digest("pipeline.reporting.tables"),
        published=settings.published,
        expected=settings.made,  # a function: its file names have braces of their own
        settings=settings.tables(),
    shell:
        "python -m pipeline.reporting.tables {params.inputs:q} --expected {params.expected:q}"
        " --published {params.published:q} --settings {params.settings:q} --out {output.tables:q}"
        " &> {log:q}"


rule loss_weights:
    """Other weights of Eq. (6): what the pretraining comes to with each (Sec. IV-B)."""
    input:
        scores=targets.measured_scores(searching(cfg)),
        tested=lambda _: targets.tested_truth(searching(cfg)),
        trained=lambda _: targets.trained_truth(searching(cfg)),
        attributes=targets.attribute_sheets(searching(cfg)),
    output:
        tables=directory("<results>/loss_weights"),
    log:
        "<logs>/tables/loss_weights.log",
    benchmark:
        "<logs>/benchmarks/loss_weights/loss_weights.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        inputs=lists("scores", "tested", "trained"),
        code=code_digest("pipeline.reporting.tables"),
        published=settings.published,
        settings=settings.loss_weights(),
    shell:
        "python -m pipeline.reporting.tables {params.inputs:q} --made --expected '{{}}'"
        " --published {params.published:q} --settings {params.settings:q} --out {output.tables:q}"
        " &> {log:q}"


rule compare:
    """One model's maps by every protocol, side by side."""
    input:
        scores=expand(
            "<results>/scores/{protocol}/{{model}}/{{training}}/{{dataset}}.csv",
            protocol=PROTOCOLS,
        ),
        tested=inputs.tested("density"),
        frame_list=inputs.frame_list,
    output:
        page=directory("<results>/protocols/{model}/{training}/{dataset}"),
    log:
        "<logs>/compare/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/compare/{model}/{training}/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        inputs=lists("tested"),
        code=code_digest("pipeline.reporting.compare"),
        title="{model}, {training}, on {dataset}",
        truth=settings.ground_truth,
        average=settings.average,
        coverage=settings.coverage,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.compare --scores {input.scores:q} --title {params.title:q}"
        " --truth {params.truth:q} --average {params.average} --coverage {params.coverage:q}"
        " {params.inputs:q} --frame-list {input.frame_list:q} --seed {params.seed}"
        " --out {output.page:q} &> {log:q}"


rule verify_published:
    """Scores of a model that was given, beside those that others published of it."""
    input:
        scores=inputs.verified,
        published=inputs.published_sheets,
        tested=inputs.tested("gaze"),
    output:
        page=directory("<results>/verify_published/{model}/{dataset}"),
    log:
        "<logs>/verify_published/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/verify_published/{model}/{dataset}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "published")),
        dataset=one_of(cfg.datasets),
    conda:
        "../../envs/data.yaml"
    params:
        inputs=lists("scores", "published", "tested"),
        code=code_digest("pipeline.reporting.verification.verify_published"),
        settings=settings.verification,
    shell:
        "python -m pipeline.reporting.verification.verify_published {params.inputs:q}"
        " --settings {params.settings:q} --out {output.page:q} &> {log:q}"


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
        expected=settings.submission,
    shell:
        "python -m pipeline.reporting.submission --saliency {input.saliency:q}"
        " --expected {params.expected:q} --method {wildcards.model}_{wildcards.training}"
        " --zip {output.archive:q} &> {log:q}"


rule pictures:
    """The best, the median and the worst clip: each model's map and its error (Fig. 4, 5)."""
    input:
        frames=inputs.tested("frames"),
        flow=inputs.tested("flow"),
        density=inputs.tested("density"),
        pictured=inputs.pictured,  # maps and scores of every model that is shown
        stores=ancient(inputs.tested("frames", "flow", "density", ending=".zarr")),
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
        inputs=lists("frames", "flow", "density"),
        code=code_digest("pipeline.reporting.pictures"),
        pictured=settings.pictured,
        protocol=cfg.score.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.pictures {params.inputs:q} --pictured {params.pictured:q}"
        " --protocol {params.protocol} --seed {params.seed} --picture {output.picture:q}"
        " --sheet {output.sheet:q} &> {log:q}"


rule gates:
    """Which stream the gate listens to, over time and place (Fig. 4, 6)."""
    input:
        weights=inputs.weights,
        frames=inputs.tested("frames"),
        flow=inputs.tested("flow"),
        stores=ancient(inputs.tested("frames", "flow", ending=".zarr")),
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
        inputs=lists("frames", "flow"),
        code=settings.network_code("pipeline.reporting.gates"),
        network=settings.network,
    shell:
        "python -m pipeline.reporting.gates --network {params.network:q}"
        " --weights {input.weights:q} {params.inputs:q} --threads {threads}"
        " --sheet {output.sheet:q} --curves {output.curves:q} --panels {output.panels:q} &> {log:q}"


rule curves:
    """The loss of every training (Eq. 6)."""
    input:
        logs=targets.training_logs(cfg),
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


rule report:
    """All of it on one page that needs no network: tables, pictures, checks and times."""
    input:
        tables="results/tables",
        pictures=targets.pictures(cfg),  # with a sheet beside each that is of a dataset
        logs=targets.training_logs(cfg),
        gates=targets.gates(cfg),  # with two pictures beside each
        alignment=targets.alignments(cfg),
    output:
        page="<results>/report.html",
    log:
        "<logs>/report/report.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.report"),
        # No input: they are nobody's output, and another timing of the same jobs tells nothing new.
        benchmarks=f"{cfg.pathvars['logs']}/benchmarks",
        settings=settings.tables(),
    shell:
        "python -m pipeline.reporting.report --tables {input.tables:q} --pictures {input.pictures:q}"
        " --logs {input.logs:q} --gates {input.gates:q} --alignment {input.alignment:q}"
        " --benchmarks {params.benchmarks:q} --settings {params.settings:q}"
        " --page {output.page:q} &> {log:q}"


rule run_tests:
    """The tests that the papers' claims name."""
    input:
        sheets=claims.sheets(),
    output:
        outcomes="<results>/tests.json",
    log:
        "<logs>/run_tests/run_tests.log",
    benchmark:
        "<logs>/benchmarks/run_tests/run_tests.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("pipeline.reporting.claims.run_tests"),
        tested=settings.tested_code(),
    shell:
        "python -m pipeline.reporting.claims.run_tests --sheets {input.sheets:q}"
        " --outcomes {output.outcomes:q} &> {log:q}"


rule reproduction:
    """Claim by claim, what of both papers holds in this run and where to see it."""
    input:
        sheets=claims.sheets(),
        tables="results/tables",
        tests="<results>/tests.json",
        gates=targets.gates(cfg),
        statistics=targets.statistics(cfg),
        benches=claims.benches(),
    output:
        page="<results>/reproduction.html",
        sheet="<results>/reproduction.csv",
    log:
        "<logs>/reproduction/reproduction.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest(
            "pipeline.reporting.claims.reproduction", "model.gfsalnet", "model.two_stream"
        ),
        config=settings.whole(),
        settings=settings.tables(),
    shell:
        "python -m pipeline.reporting.claims.reproduction --sheets {input.sheets:q}"
        " --config {params.config:q} --settings {params.settings:q} --tables {input.tables:q}"
        " --tests {input.tests:q} --page {output.page:q} --sheet {output.sheet:q} &> {log:q}"
