"""Raw data that no user brings: the demo's drawings and ImageNet's weights."""


localrules:
    imagenet,  # nodes may have no network


if cfg.run == "demo":

    rule demo:
        """Miniatures with a known rule of attention: what moves draws gaze, otherwise what is bright."""
        input:
            sheets=drawn_sheets(cfg),
        output:
            files=drawn_files(cfg),
        log:
            "<logs>/demo/demo.log",
        benchmark:
            "<logs>/benchmarks/demo/demo.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            code=code_digest("pipeline.demo.draw"),
            raw=cfg.pathvars["raw"],
            seed=cfg.seed,
        shell:
            "python -m pipeline.demo.draw --raw {params.raw:q} --sheets {input.sheets:q}"
            " --seed {params.seed} &> {log:q}"


rule imagenet:
    """ImageNet weights of a backbone, from torchvision's server (Sec. III)."""
    output:
        weights="<raw>/imagenet/{file}.pth",
    log:
        "<logs>/imagenet/{file}.log",
    benchmark:
        "<logs>/benchmarks/imagenet/{file}.tsv"
    conda:
        "../../envs/torch.yaml"
    shell:
        "python -m pipeline.training.imagenet --weights {output.weights:q} &> {log:q}"
