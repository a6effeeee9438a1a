"""Weights of our own: what they are taught on, and how they come with the package (docs/light.md)."""

if cfg.run == "light":

    rule teach:
        """Drawn scenes, and UNISAL's densities on films, pictures and parts of photographs."""
        input:
            expand("<raw>/{taught}.made", taught=TAUGHT),

    rule train_light:
        """Both networks' weights, packed: what model/weights is to hold."""
        input:
            expand("<results>/packed/gfsalnet-{size}.safetensors", size=["light", "tiny"]),

    rule scenes:
        """Drawn scenes, whose rule of attention is known."""
        input:
            sheet=cfg.datasets["drawn"].splits,
            photographs="<raw>/salicon/images",
            attention="<raw>/salicon/fixations/train",
        output:
            touch("<raw>/drawn.made"),
        log:
            "<logs>/scenes/drawn.log",
        benchmark:
            "<logs>/benchmarks/scenes/drawn.tsv"
        conda:
            "../../envs/torch.yaml"
        params:
            code=code_digest("pipeline.teaching.scenes"),
            folder=f"{cfg.pathvars['raw']}/drawn",
            seed=cfg.seed,
        shell:
            "python -m pipeline.teaching.scenes --folder {params.folder:q} --sheet {input.sheet:q}"
            " --photographs {input.photographs:q} --attention {input.attention:q}"
            " --seed {params.seed} &> {log:q}"

    rule crops:
        """Parts of the photographs that are trained on, with UNISAL's densities."""
        input:
            sheet=cfg.datasets["crops"].splits,
            photographs="<raw>/salicon/images",
            weights=inputs.teacher(),
        output:
            touch("<raw>/crops.made"),
        log:
            "<logs>/crops/crops.log",
        benchmark:
            "<logs>/benchmarks/crops/crops.tsv"
        conda:
            "../../envs/torch.yaml"
        params:
            code=code_digest("pipeline.teaching.crops"),
            folder=f"{cfg.pathvars['raw']}/crops",
            seed=cfg.seed,
        shell:
            "python -m pipeline.teaching.crops --photographs {input.photographs:q}"
            " --sheet {input.sheet:q} --weights {input.weights:q} --folder {params.folder:q}"
            " --seed {params.seed} &> {log:q}"

    rule films:
        """Films or pictures whose licence allows it, with UNISAL's densities."""
        input:
            sources="workflow/teaching/sources.csv",
            sheet=lambda wildcards: cfg.datasets[wildcards.taught].splits,
            weights=inputs.teacher(),
        output:
            touch("<raw>/{taught}.made"),
        log:
            "<logs>/films/{taught}.log",
        benchmark:
            "<logs>/benchmarks/films/{taught}.tsv"
        wildcard_constraints:
            taught="films|pictures",
        conda:
            "../../envs/torch.yaml"
        params:
            code=code_digest("pipeline.teaching.films"),
            raw=settings.raw_root,
            seed=cfg.seed,
        shell:
            "python -m pipeline.teaching.films --sources {input.sources:q}"
            " --files {params.raw:q}/sources --sheet {input.sheet:q} --weights {input.weights:q}"
            " --folder {params.raw:q}/{wildcards.taught} --seed {params.seed} &> {log:q}"

    rule pack:
        """Trained weights in float16, with all that a user asks of them."""
        input:
            weights="<results>/weights/gfsalnet_{size}/scenes.safetensors",
            before=[
                "<results>/weights/{size}_still/taught.safetensors",
                "<results>/weights/{size}_still/photographs.safetensors",
                "<results>/weights/{size}_pictures/head.safetensors",
            ],
            sources=["workflow/teaching/sources.csv"],
        output:
            packed="<results>/packed/gfsalnet-{size}.safetensors",
        log:
            "<logs>/pack/{size}.log",
        benchmark:
            "<logs>/benchmarks/pack/{size}.tsv"
        conda:
            "../../envs/torch.yaml"
        params:
            code=code_digest("pipeline.teaching.pack"),
            flow=as_json(flows(cfg)["dis"]),
        shell:
            "python -m pipeline.teaching.pack --weights {input.weights:q}"
            " --before {input.before:q} --flow {params.flow:q} --sources {input.sources:q}"
            " --packed {output.packed:q} &> {log:q}"
