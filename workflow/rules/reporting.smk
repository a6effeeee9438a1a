"""Scores to tables, pages and pictures."""


report: "../report/description.rst"


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
        run=cfg.run,
        truth=settings.ground_truth,
        average=settings.average,
        coverage=settings.coverage,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.compare --scores {input.scores:q} --title {params.title:q}"
        " --run {params.run:q} --truth {params.truth:q} --average {params.average}"
        " --coverage {params.coverage:q}"
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
    """Clips of a table's dataset with the map and the error of each model (Fig. 5)."""
    input:
        frames=inputs.of_table(inputs.tested("frames")),
        flow=inputs.of_table(inputs.of_the_flow(inputs.tested)),
        density=inputs.of_table(inputs.tested("density")),
        gaze=inputs.of_table(inputs.tested("gaze")),
        pictured=inputs.pictured,  # maps and scores of every model that is shown
        stores=ancient(inputs.of_table(inputs.tested(*SHOWN, ending=".zarr"))),
    output:
        picture=report(
            "<results>/pictures/{table}.png",
            caption="../report/pictures.rst",
            category="Pictures",
        ),
        sheet="<results>/pictures/{table}.csv",
    log:
        "<logs>/pictures/{table}.log",
    benchmark:
        "<logs>/benchmarks/pictures/{table}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        about=settings.about,
        inputs=lists("frames", "flow", "density", "gaze"),
        code=code_digest("pipeline.reporting.figures.pictures"),
        pictured=settings.pictured,
        leading=settings.leading,
        metrics=settings.columns,
        protocol=settings.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.figures.pictures {params.inputs:q}"
        " --pictured {params.pictured:q} --leading {params.leading:q} --metrics {params.metrics}"
        " --protocol {params.protocol} --seed {params.seed} --picture {output.picture:q}"
        " --about {params.about:q} --sheet {output.sheet:q} &> {log:q}"


rule failures:
    """The worst clip of each class of clips by the leading model of a table (Fig. 7)."""
    input:
        frames=inputs.of_table(inputs.tested("frames")),
        density=inputs.of_table(inputs.tested("density")),
        gaze=inputs.of_table(inputs.tested("gaze")),
        attributes=inputs.of_table(inputs.attributes),
        model=inputs.leading,  # its maps and scores
        stores=ancient(inputs.of_table(inputs.tested(*SHOWN, ending=".zarr"))),
    output:
        picture=report(
            "<results>/failures/{table}.png",
            caption="../report/failures.rst",
            category="Failures",
        ),
        sheet="<results>/failures/{table}.csv",
    log:
        "<logs>/failures/{table}.log",
    benchmark:
        "<logs>/benchmarks/failures/{table}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        about=settings.about,
        inputs=lists("frames", "density", "gaze", "attributes"),
        code=code_digest("pipeline.reporting.figures.failures"),
        leading=settings.leading,
        metrics=settings.columns,
        protocol=settings.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.figures.failures {params.inputs:q} --model {params.leading:q}"
        " --saliency {input.model[0]:q} --scores {input.model[1]:q} --metrics {params.metrics}"
        " --protocol {params.protocol} --seed {params.seed} --picture {output.picture:q}"
        " --about {params.about:q} --sheet {output.sheet:q} &> {log:q}"


rule overlays:
    """Frames and fixations laid over each other, where little moves and where much does (Fig. 1)."""
    input:
        frames=inputs.tested("frames"),
        flow=inputs.tested("flow"),
        density=inputs.tested("density"),
        gaze=inputs.tested("gaze"),
        stores=ancient(inputs.tested(*SHOWN, "flow", ending=".zarr")),
    output:
        picture=report(
            "<results>/overlays/{dataset}.png",
            caption="../report/overlays.rst",
            category="Motion",
        ),
        sheet="<results>/overlays/{dataset}.csv",
    log:
        "<logs>/overlays/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/overlays/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        about=settings.about,
        inputs=lists("frames", "flow", "density", "gaze"),
        code=code_digest("pipeline.reporting.figures.overlays"),
        settings=as_json(cfg.overlays),
    shell:
        "python -m pipeline.reporting.figures.overlays {params.inputs:q}"
        " --settings {params.settings:q} --about {params.about:q} --picture {output.picture:q}"
        " --sheet {output.sheet:q} &> {log:q}"


rule flow_images:
    """Optical flow as a network is given it (Fig. 3 of the predecessor)."""
    input:
        frames=inputs.tested("frames"),
        flow=inputs.of_the_flow(inputs.tested),
        stores=ancient(inputs.tested("frames", ending=".zarr")),
        flow_stores=ancient(inputs.of_the_flow(inputs.tested, ending=".zarr")),
    output:
        picture=report(
            "<results>/flow_images/{model}/{dataset}.png",
            caption="../report/flow_images.rst",
            category="Motion",
        ),
    log:
        "<logs>/flow_images/{model}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/flow_images/{model}/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        inputs=lists("frames", "flow"),
        code=code_digest("pipeline.reporting.figures.flow_images"),
        network=settings.network,
    shell:
        "python -m pipeline.reporting.figures.flow_images --network {params.network:q}"
        " {params.inputs:q} --picture {output.picture:q} &> {log:q}"


rule gates:
    """Which stream the gate listens to, over time and place (Fig. 4, 6)."""
    input:
        weights=inputs.weights,
        frames=inputs.tested("frames"),
        flow=inputs.tested("flow"),
        stores=ancient(inputs.tested("frames", "flow", ending=".zarr")),
    output:
        **{
            kind: report(
                f"<results>/gates/{{model}}/{{training}}/{{dataset}}_{kind}.png",
                caption="../report/gates.rst",
                category="Gates",
            )
            for kind in ("curves", "panels", "regions")
        },
        sheet="<results>/gates/{model}/{training}/{dataset}.csv",
        regions_sheet="<results>/gates/{model}/{training}/{dataset}_regions.csv",
    log:
        "<logs>/gates/{model}/{training}/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/gates/{model}/{training}/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        about=settings.about,
        inputs=lists("frames", "flow"),
        code=settings.network_code("pipeline.reporting.figures.gates"),
        network=settings.network,
        regions=settings.regions,
    shell:
        "python -m pipeline.reporting.figures.gates --network {params.network:q}"
        " --weights {input.weights:q} {params.inputs:q} --regions {params.regions:q}"
        " --threads {threads} --about {params.about:q} --sheet {output.sheet:q}"
        " --curves {output.curves:q}"
        " --panels {output.panels:q} --regions-sheet {output.regions_sheet:q}"
        " --regions-picture {output.regions:q} &> {log:q}"


rule clip:
    """A page of one clip: frames, gaze, maps of all models and their scores over time."""
    input:
        frames=inputs.of_clip("frames"),
        density=inputs.of_clip("density"),
        gaze=inputs.of_clip("gaze"),
        shown=inputs.maps_and_scores,
        stores=ancient(inputs.of_clip(*SHOWN, ending=".zarr")),
    output:
        page="<results>/clips/{dataset}/{clip}.html",
    log:
        "<logs>/clip/{dataset}/{clip}.log",
    benchmark:
        "<logs>/benchmarks/clip/{dataset}/{clip}.tsv"
    wildcard_constraints:
        clip="[^/]+",
    conda:
        "../../envs/torch.yaml"
    params:
        inputs=lists("frames", "density", "gaze"),
        code=code_digest("pipeline.reporting.clips.clip"),
        shown=settings.shown,
        metrics=settings.metrics,
        protocol=cfg.score.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.clips.clip --name {wildcards.clip:q}"
        " --dataset {wildcards.dataset} {params.inputs:q} --pictured {params.shown:q}"
        " --metrics {params.metrics} --protocol {params.protocol} --seed {params.seed}"
        " --page {output.page:q} &> {log:q}"


rule clips:
    """A list of the pages of all clips of a dataset, the worst first."""
    input:
        pages=inputs.clip_pages,
        shown=inputs.maps_and_scores,
    output:
        page="<results>/clips/{dataset}.html",
    log:
        "<logs>/clips/{dataset}.log",
    benchmark:
        "<logs>/benchmarks/clips/{dataset}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_digest("pipeline.reporting.clips.clips"),
        shown=settings.shown,
        metrics=settings.metrics,
        protocol=cfg.score.protocol,
        seed=cfg.seed,
    shell:
        "python -m pipeline.reporting.clips.clips --dataset {wildcards.dataset}"
        " --pictured {params.shown:q} --metrics {params.metrics} --protocol {params.protocol}"
        " --seed {params.seed} --page {output.page:q} &> {log:q}"


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
        "../../envs/torch.yaml"
    params:
        code=code_digest("pipeline.reporting.figures.curves"),
    shell:
        "python -m pipeline.reporting.figures.curves --logs {input.logs:q}"
        " --picture {output.picture:q} &> {log:q}"


rule report:
    """All of it on one page that needs no network: tables, pictures, checks and times."""
    input:
        tables="results/tables",
        pictures=targets.pictures(cfg),  # with a sheet beside each that is of a table
        logs=targets.training_logs(cfg),
        gates=targets.gates(cfg),  # with three pictures beside each
        figures=[*targets.overlays(cfg), *targets.flow_images(cfg), *targets.failures(cfg)],
        alignment=targets.alignments(cfg),
    output:
        page="<results>/report.html",
    log:
        "<logs>/report/report.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.reporting.pages.report"),
        # No input: they are nobody's output, and another timing of the same jobs tells nothing new.
        benchmarks=f"{cfg.pathvars['logs']}/benchmarks",
        settings=settings.tables(),
    shell:
        "python -m pipeline.reporting.pages.report --tables {input.tables:q}"
        " --pictures {input.pictures:q} --logs {input.logs:q} --gates {input.gates:q}"
        " --figures {input.figures:q} --alignment {input.alignment:q}"
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
