"""What is checked before a result is believed: raw files, and gaze against frames."""


rule preflight:
    """What is there and what is missing, short, unreadable or left over in the raw folders."""
    log:
        "<logs>/preflight/preflight.log",
    conda:
        "../../envs/data.yaml"
    params:
        config=settings.whole(),
        findings=f"{cfg.pathvars['results']}/preflight.json",
    shell:  # what is found is no error of the job: onsuccess ends the call with it
        "rm -f {params.findings:q}; python -m pipeline.checks.preflight --config {params.config:q}"
        " --json {params.findings:q} 2> {log:q} || test -s {params.findings:q}"


rule alignment:
    """Does the gaze of every clip fit its frames, in length, in place and in time?"""
    input:
        frames=inputs.used("frames"),
        flow=inputs.used("flow"),
        gaze=inputs.used("gaze"),
        stores=ancient(inputs.used("frames", "flow", "gaze", ending=".zarr")),
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
        about=settings.about,
        inputs=lists("frames", "flow", "gaze"),
        code=code_digest("pipeline.checks.alignment"),
        settings=as_json(cfg.alignment),
    shell:
        "python -m pipeline.checks.alignment {params.inputs:q} --settings {params.settings:q}"
        " --about {params.about:q} --sheet {output.sheet:q} &> {log:q}"


rule statistics:
    """Frames, gaze, motion and density of every scored clip (Sec. IV-A)."""
    input:
        frames=inputs.tested("frames"),
        flow=inputs.tested("flow"),
        gaze=inputs.tested("gaze"),
        density=inputs.tested("density"),
        stores=ancient(inputs.tested("frames", "flow", "gaze", "density", ending=".zarr")),
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
        about=settings.about,
        inputs=lists("frames", "flow", "gaze", "density"),
        code=code_digest("pipeline.checks.statistics"),
    shell:
        "python -m pipeline.checks.statistics {params.inputs:q} --threads {threads}"
        " --about {params.about:q} --sheet {output.sheet:q} &> {log:q}"
