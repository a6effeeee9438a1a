"""Raw data to stores: one job per part of a dataset."""

if cfg.run == "demo":

    include: "demo.smk"


rule frames:
    """RGB frames on the frame grid (Sec. IV-B)."""
    input:
        videos=raw_videos,
    output:
        store=directory("<data>/{dataset}/frames/{part}.zarr"),
        manifest="<data>/{dataset}/frames/{part}.json",
    log:
        "<logs>/frames/{dataset}/{part}.log",
    benchmark:
        "<logs>/benchmarks/frames/{dataset}/{part}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.preprocessing.frames"),
        raw=raw_folder,
        numbered=numbered("frames"),
        clips=clips_json,
        dataset=section("frames"),
        grid=cfg.frames.model_dump_json(),
    shell:
        "python -m pipeline.preprocessing.frames --raw {params.raw:q} --clips {params.clips:q}"
        " --dataset {params.dataset:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule flow:
    """Optical flow from each frame to the next (Sec. IV-B)."""
    input:
        frames="<data>/{dataset}/frames/{part}.json",
        store=ancient("<data>/{dataset}/frames/{part}.zarr"),
        weights=flow_weights,
    output:
        store=directory("<data>/{dataset}/{flow}/{part}.zarr"),
        manifest="<data>/{dataset}/{flow}/{part}.json",
    log:
        "<logs>/flow/{dataset}/{flow}/{part}.log",
    benchmark:
        "<logs>/benchmarks/flow/{dataset}/{flow}/{part}.tsv"
    wildcard_constraints:
        flow=one_of(cfg.flows(still=False)),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.preprocessing.flow"),
        settings=flow_json,
    shell:
        "python -m pipeline.preprocessing.flow --frames {input.frames:q} --settings {params.settings:q}"
        " --threads {threads} --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


use rule flow as image_flow with:
    wildcard_constraints:
        flow=one_of(cfg.flows(still=True)),


rule gaze:
    """Gaze points on the frame grid (Sec. IV-A, IV-B); lengths and sizes are the frames'."""
    input:
        raw=raw_gaze,
        frames="<data>/{dataset}/frames/{part}.json",
    output:
        store=directory("<data>/{dataset}/gaze/{part}.zarr"),
        manifest="<data>/{dataset}/gaze/{part}.json",
    log:
        "<logs>/gaze/{dataset}/{part}.log",
    benchmark:
        "<logs>/benchmarks/gaze/{dataset}/{part}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=reader_digest,
        raw=raw_folder,
        numbered=numbered("gaze"),
        settings=section("gaze"),
        grid=cfg.frames.model_dump_json(),
    shell:
        "python -m pipeline.preprocessing.gaze --raw {params.raw:q} --frames {input.frames:q}"
        " --settings {params.settings:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule density:
    """Fixation densities (Sec. IV-B)."""
    input:
        gaze="<data>/{dataset}/gaze/{part}.json",
        store=ancient("<data>/{dataset}/gaze/{part}.zarr"),
        maps=raw_maps,
    output:
        store=directory("<data>/{dataset}/density/{part}.zarr"),
        manifest="<data>/{dataset}/density/{part}.json",
    log:
        "<logs>/density/{dataset}/{part}.log",
    benchmark:
        "<logs>/benchmarks/density/{dataset}/{part}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.preprocessing.density"),
        raw=raw_folder,
        numbered=numbered("density"),
        settings=section("density"),
        grid=cfg.frames.model_dump_json(),
    shell:
        "python -m pipeline.preprocessing.density --gaze {input.gaze:q} --raw {params.raw:q}"
        " --settings {params.settings:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule preflight:
    """What is there and what is missing, short, unreadable or left over in the raw folders."""
    log:
        "<logs>/preflight/preflight.log",
    conda:
        "../../envs/data.yaml"
    params:
        run=cfg.run,
        findings=preflight_findings,
    shell:
        "python -m pipeline.checks.preflight --run {params.run} --json {params.findings:q} 2> {log:q}"
