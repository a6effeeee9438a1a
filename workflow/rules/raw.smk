"""Raw data that no user brings: the demo's drawings, ImageNet's weights, and authors' own."""


localrules:
    imagenet,  # nodes may have no network
    released,


# A rule for each dataset: leaving one out, or adding one's own, draws no other again.
for drawn in drawn_datasets(cfg) if cfg.run == "demo" else []:

    rule:
        """Miniatures with a known rule of attention: what moves draws gaze, otherwise what is bright."""
        name:
            f"demo_{drawn}"
        input:
            sheet=cfg.datasets[drawn].splits,
        output:
            files=drawn_files(cfg, drawn),
        log:
            f"<logs>/demo/{drawn}.log",
        benchmark:
            f"<logs>/benchmarks/demo/{drawn}.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            code=code_digest("pipeline.demo.draw"),
            raw=settings.raw_root,
            seed=cfg.seed,
        shell:
            "python -m pipeline.demo.draw --raw {params.raw:q} --sheets {input.sheet:q}"
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
        "python -m pipeline.importing.imagenet --weights {output.weights:q} &> {log:q}"


rule released:
    """Weights of a network, from where its authors distribute them for anyone."""
    output:
        weights="<raw>/released/{network}-{digest}.pth",
    log:
        "<logs>/released/{network}-{digest}.log",
    benchmark:
        "<logs>/benchmarks/released/{network}-{digest}.tsv"
    wildcard_constraints:
        digest="[0-9a-f]{8}",
    conda:
        "../../envs/torch.yaml"
    shell:
        "python -m pipeline.importing.released --network {wildcards.network:q}"
        " --weights {output.weights:q} &> {log:q}"
