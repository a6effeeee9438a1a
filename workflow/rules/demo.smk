"""Raw data of the demo, drawn in the raw layouts of all seven datasets."""


rule demo:
    """Miniatures with a known rule of attention: what moves draws gaze, otherwise what is bright."""
    input:
        sheets=sorted({dataset.splits for dataset in cfg.datasets.values()}),
    output:
        files=sorted(set(demo_files())),
    log:
        "<logs>/demo/demo.log",
    benchmark:
        "<logs>/benchmarks/demo/demo.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.demo.draw"),
        raw=raw_root,
        splits=sheets_folder,
        seed=cfg.seed,
    shell:
        "python -m pipeline.demo.draw --raw {params.raw:q} --splits {params.splits:q}"
        " --seed {params.seed} &> {log:q}"
