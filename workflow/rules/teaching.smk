"""Weights of our own: what they are taught on, and how they are packed (docs/light.md)."""

LIGHT = {"gfsalnet-light": "gfsalnet_light", "gfsalnet-tiny": "gfsalnet_tiny"}


if cfg.run == "light":

    rule teach:
        """Scenes, and films and pictures with a teacher's densities, below raw/light."""
        input:
            "<raw>/drawn.made",
            "<raw>/films.made",
            "<raw>/pictures.made",

    rule scenes:
        """Drawn scenes, of which it is known where people look."""
        input:
            sheet=cfg.datasets["drawn"].splits,
            photographs=f"{cfg.pathvars['raw']}/salicon/images",
            attention=f"{cfg.pathvars['raw']}/salicon/fixations/train",
        output:
            touch("<raw>/drawn.made"),
        log:
            "<logs>/scenes/drawn.log",
        benchmark:
            "<logs>/benchmarks/scenes/drawn.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            code=code_digest("pipeline.teaching.scenes"),
            folder=f"{cfg.pathvars['raw']}/drawn",
            seed=cfg.seed,
        shell:
            "python -m pipeline.teaching.scenes --folder {params.folder:q} --sheet {input.sheet:q}"
            " --photographs {input.photographs:q} --attention {input.attention:q}"
            " --seed {params.seed} &> {log:q}"

    for taught in ("films", "pictures"):

        rule:
            """Films or pictures whose licence allows it, with the densities that UNISAL finds."""
            name:
                f"teach_{taught}"
            input:
                sources="workflow/teaching/sources.csv",
                sheet=cfg.datasets[taught].splits,
                weights=inputs.unisal(),
            output:
                touch(f"<raw>/{taught}.made"),
            log:
                f"<logs>/teach/{taught}.log",
            benchmark:
                f"<logs>/benchmarks/teach/{taught}.tsv"
            conda:
                "../../envs/torch.yaml"
            params:
                code=code_digest("pipeline.teaching.teach"),
                files=f"{cfg.pathvars['raw']}/sources",
                folder=f"{cfg.pathvars['raw']}/{taught}",
                seed=cfg.seed,
            shell:
                "python -m pipeline.teaching.teach --sources {input.sources:q}"
                " --files {params.files:q} --sheet {input.sheet:q} --weights {input.weights:q}"
                " --folder {params.folder:q} --seed {params.seed} &> {log:q}"

