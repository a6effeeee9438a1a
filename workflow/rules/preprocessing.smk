"""Raw data to stores: one job per part of a dataset."""


rule frames:
    """RGB frames on the frame grid (Sec. IV-B)."""
    input:
        videos=inputs.raw("frames"),
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
        raw=settings.raw_folder,
        raw_files=settings.raw_files("frames"),
        clips=settings.clips,
        dataset=settings.dataset("frames"),
        grid=as_json(cfg.frames),
    shell:
        "python -m pipeline.preprocessing.frames --raw {params.raw:q} --clips {params.clips:q}"
        " --dataset {params.dataset:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule flow:
    """Optical flow from each frame to the next (Sec. IV-B)."""
    input:
        frames="<data>/{dataset}/frames/{part}.json",
        store=ancient("<data>/{dataset}/frames/{part}.zarr"),
        weights=inputs.flow_weights,
    output:
        store=directory("<data>/{dataset}/{flow}/{part}.zarr"),
        manifest="<data>/{dataset}/{flow}/{part}.json",
    log:
        "<logs>/flow/{dataset}/{flow}/{part}.log",
    benchmark:
        "<logs>/benchmarks/flow/{dataset}/{flow}/{part}.tsv"
    wildcard_constraints:
        flow=one_of(flows(cfg, still=False)),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.preprocessing.flow"),
        settings=settings.flow,
    shell:
        "python -m pipeline.preprocessing.flow --frames {input.frames:q} --settings {params.settings:q}"
        " --threads {threads} --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


use rule flow as image_flow with:
    wildcard_constraints:
        flow=one_of(flows(cfg, still=True)),


rule gaze:
    """Gaze points on the frame grid (Sec. IV-A, IV-B); lengths and sizes are the frames'."""
    input:
        raw=inputs.raw("gaze"),
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
        code=settings.reader_code,
        raw=settings.raw_folder,
        raw_files=settings.raw_files("gaze"),
        settings=settings.dataset("gaze"),
        grid=as_json(cfg.frames),
    shell:
        "python -m pipeline.preprocessing.gaze --raw {params.raw:q} --frames {input.frames:q}"
        " --settings {params.settings:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"


rule density:
    """Fixation densities (Sec. IV-B)."""
    input:
        gaze="<data>/{dataset}/gaze/{part}.json",
        store=ancient("<data>/{dataset}/gaze/{part}.zarr"),
        maps=inputs.raw("density"),
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
        raw=settings.raw_folder,
        raw_files=settings.raw_files("density"),
        settings=settings.dataset("density"),
        grid=as_json(cfg.frames),
    shell:
        "python -m pipeline.preprocessing.density --gaze {input.gaze:q} --raw {params.raw:q}"
        " --settings {params.settings:q} --grid {params.grid:q}"
        " --store {output.store:q} --manifest {output.manifest:q} &> {log:q}"
