"""Stores to weights: one job per model and training."""


rule pretrain:
    """The appearance stream alone on SALICON (Sec. IV-B)."""
    input:
        backbone=inputs.backbone,
        frames=inputs.training("frames"),
        gaze=inputs.training("gaze"),
        density=inputs.training("density"),
        validation_frames=inputs.training("frames", splits=["validation"]),
        validation_gaze=inputs.training("gaze", splits=["validation"]),
        validation_density=inputs.training("density", splits=["validation"]),
        stores=ancient(inputs.training("frames", "gaze", "density", splits=LEARNED, ending=".zarr")),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/pretrain/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/pretrain/{model}/{training}.tsv"
    wildcard_constraints:
        training=one_of(targets.pretrainings(cfg)),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=settings.training_memory,
        processes=1,
        checkpoint_minutes=cfg.checkpoint_minutes,  # no param: it changes no weight
    params:
        inputs=lists("frames", "gaze", "density", validation=True),
        code=settings.network_code("pipeline.training.pretrain"),
        network=settings.network,
        settings=settings.training,
        sha256=as_json(cfg.backbone_sha256),
        loss=settings.loss,
        seed=settings.seed,
        checkpoints=settings.beside_weights("checkpoints"),
        board=settings.beside_weights("tensorboard"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.pretrain"
        " --network {params.network:q} --backbone {input.backbone:q} --sha256 {params.sha256:q}"
        " {params.inputs:q} --settings {params.settings:q} --loss {params.loss:q}"
        " --seed {params.seed} --threads {threads} --code {params.code}"
        " --checkpoints {params.checkpoints:q}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule finetune:
    """The whole network on video, Setting 1 and Setting 2 (Sec. IV-B)."""
    input:
        start=inputs.start,
        backbone=inputs.own_backbone,
        frames=inputs.training("frames"),
        flow=inputs.of_the_flow(inputs.training),
        gaze=inputs.training("gaze"),
        density=inputs.training("density"),
        validation_frames=inputs.training("frames", splits=["validation"]),
        validation_flow=inputs.of_the_flow(inputs.training, splits=["validation"]),
        validation_gaze=inputs.training("gaze", splits=["validation"]),
        validation_density=inputs.training("density", splits=["validation"]),
        stores=ancient(inputs.training("frames", "gaze", "density", splits=LEARNED, ending=".zarr")),
        flows=ancient(inputs.of_the_flow(inputs.training, splits=LEARNED, ending=".zarr")),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/finetune/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/finetune/{model}/{training}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "trained")),
        training=one_of(cfg.trainings),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=settings.training_memory,
        processes=1,
        checkpoint_minutes=cfg.checkpoint_minutes,  # no param: it changes no weight
    params:
        inputs=lists("frames", "flow", "gaze", "density", validation=True),
        code=settings.network_code("pipeline.training.finetune"),
        network=settings.network,
        settings=settings.training,
        sha256=as_json(cfg.backbone_sha256),
        loss=as_json(cfg.loss),
        seed=settings.seed,
        checkpoints=settings.beside_weights("checkpoints"),
        board=settings.beside_weights("tensorboard"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.finetune"
        " --network {params.network:q} --start {input.start:q} --backbone {input.backbone:q}"
        " --sha256 {params.sha256:q} {params.inputs:q}"
        " --settings {params.settings:q} --loss {params.loss:q} --seed {params.seed}"
        " --threads {threads} --code {params.code} --checkpoints {params.checkpoints:q}"
        " --checkpoint-minutes {resources.checkpoint_minutes}"
        " --board {params.board:q} --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule fit:
    """Statistics of the training frames, for models that learn no more than these."""
    input:
        frames=inputs.training("frames"),
        density=inputs.training("density"),
        stores=ancient(inputs.training("frames", "density", splits=LEARNED, ending=".zarr")),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/fit/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/fit/{model}/{training}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "fitted")),
        training=one_of(cfg.trainings),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        inputs=lists("frames", "density"),
        code=settings.network_code("pipeline.training.fit"),
        network=settings.network,
        settings=as_json(cfg.fitting),
        seed=cfg.seed,
    shell:
        "python -m pipeline.training.fit --network {params.network:q} {params.inputs:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {threads}"
        " --code {params.code} --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule import_weights:
    """Weights that a network's authors released, read without their programs (docs/training.md)."""
    input:
        file=inputs.released,
    output:
        weights="<results>/weights/{model}/given.safetensors",
    log:
        "<logs>/import_weights/{model}.log",
    benchmark:
        "<logs>/benchmarks/import_weights/{model}.tsv"
    wildcard_constraints:
        model=one_of(targets.models(cfg, "imported")),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=memory(8000),
    params:
        code=settings.network_code("pipeline.importing.import_weights"),
        network=settings.network,
        sha256=settings.sha256,
    shell:
        "python -m pipeline.importing.import_weights --network {params.network:q}"
        " --file {input.file[0]:q} --sha256 {params.sha256:q} --code {params.code}"
        " --weights {output.weights:q} &> {log:q}"


rule train_flow:
    """PWC-Net weights of our own, from pairs of pictures whose flow is known (docs/preprocessing.md)."""
    input:
        images=cfg.flow_weights.images or [],
        start=cfg.flow_weights.start or [],
    output:
        weights="<results>/weights/flow/pwcnet.safetensors",
        log="<results>/weights/flow/pwcnet.csv",
    log:
        "<logs>/train_flow/pwcnet.log",
    benchmark:
        "<logs>/benchmarks/train_flow/pwcnet.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=memory(8000),
        processes=1,
        checkpoint_minutes=cfg.checkpoint_minutes,  # no param: it changes no weight
    params:
        code=code_digest("pipeline.training.train_flow"),
        network=as_json(cfg.flow_weights.network),
        settings=as_json(cfg.flow_weights.training),
        seed=cfg.seed,
        checkpoints=f"{cfg.pathvars['results']}/checkpoints/flow/pwcnet",
        board=f"{cfg.pathvars['results']}/tensorboard/flow/pwcnet",
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.train_flow"
        " --settings {params.settings:q} --network {params.network:q}"
        " --images {input.images:q} --start {input.start:q} --seed {params.seed} --threads {threads}"
        " --code {params.code} --checkpoints {params.checkpoints:q}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule train_image_flow:
    """Weights of a network that sees flow in a still image (the predecessor's Sec. 4.2)."""
    input:
        backbone=inputs.image_flow_backbone(),
        frames=inputs.image_flow("frames"),
        flow=inputs.image_flow(MAIN_FLOW),
        validation_frames=inputs.image_flow("frames", splits=["validation"]),
        validation_flow=inputs.image_flow(MAIN_FLOW, splits=["validation"]),
        stores=ancient(inputs.image_flow("frames", ending=".zarr")),
        flows=ancient(inputs.image_flow(MAIN_FLOW, ending=".zarr")),
    output:
        weights="<results>/weights/flow/image_flow.safetensors",
        log="<results>/weights/flow/image_flow.csv",
    log:
        "<logs>/train_image_flow/image_flow.log",
    benchmark:
        "<logs>/benchmarks/train_image_flow/image_flow.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(16000),
        processes=1,
        checkpoint_minutes=cfg.checkpoint_minutes,  # no param: it changes no weight
    params:
        inputs=lists("frames", "flow", validation=True),
        code=code_digest("pipeline.training.train_image_flow"),
        network=as_json(cfg.image_flow_weights.network),
        clustered=cfg.image_flow_weights.clustered,
        settings=as_json(cfg.image_flow_weights.training),
        sha256=as_json(cfg.backbone_sha256),
        seed=cfg.seed,
        checkpoints=f"{cfg.pathvars['results']}/checkpoints/flow/image_flow",
        board=f"{cfg.pathvars['results']}/tensorboard/flow/image_flow",
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.train_image_flow"
        " --network {params.network:q} --clustered {params.clustered} --backbone {input.backbone:q}"
        " --sha256 {params.sha256:q} {params.inputs:q} --settings {params.settings:q}"
        " --seed {params.seed} --threads {threads} --code {params.code}"
        " --checkpoints {params.checkpoints:q}"
        " --checkpoint-minutes {resources.checkpoint_minutes} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"
