"""Raw data of the demo, drawn in the raw layouts of all seven datasets."""


def demo_files():
    """Every raw file that the demo's split sheets ask for."""
    for name, dataset in cfg.datasets.items():
        root = Path(cfg.pathvars["raw"], name)
        for clip in read_sheet(Path(dataset.splits)):
            yield video_file(root, dataset.frames.video, clip.name, clip.split)
            if clip.split in ("train", dataset.test.split):
                yield from gaze_files(root, dataset.gaze, clip.name, clip.split)
    for name, meta in cfg.meta_datasets.items():
        yield Path(cfg.pathvars["raw"], name, meta.frame_list)


rule demo:
    """Miniatures with a known rule of attention: what moves draws gaze, otherwise what is bright."""
    input:
        sheets=sorted({dataset.splits for dataset in cfg.datasets.values()}),
    output:
        files=sorted(set(demo_files())),
    log:
        "<logs>/demo/demo.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code_digest("pipeline.demo"),
        raw=cfg.pathvars["raw"],
        splits="workflow/splits/demo",
        seed=cfg.seed,
    shell:
        "python -m pipeline.demo --raw {params.raw:q} --splits {params.splits:q}"
        " --seed {params.seed} &> {log:q}"
