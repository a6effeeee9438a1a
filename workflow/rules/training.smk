"""Stores to weights: one job per model and training."""


localrules:
    imagenet,  # nodes may have no network


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


rule pretrain:
    """The appearance stream alone on SALICON (Sec. IV-B)."""
    input:
        backbone=imagenet_weights,
        frames=training_stores("frames"),
        gaze=training_stores("gaze"),
        density=training_stores("density"),
        validation_frames=training_stores("frames", "validation"),
        validation_gaze=training_stores("gaze", "validation"),
        validation_density=training_stores("density", "validation"),
        stores=ancient(training_folders("frames", "gaze", "density")),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/pretrain/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/pretrain/{model}/{training}.tsv"
    wildcard_constraints:
        training=one_of(pretrainings()),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=16000,
        processes=1,
    params:
        code=code_digest("pipeline.training.pretrain"),
        network=network_json,
        settings=pretraining_json,
        sha256=json.dumps(cfg.backbone_sha256),
        loss=loss_json,
        seed=cfg.seed,
        checkpoints=beside_weights("checkpoints"),
        board=beside_weights("tensorboard"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.pretrain"
        " --network {params.network:q} --backbone {input.backbone:q} --sha256 {params.sha256:q}"
        " --frames {input.frames:q} --gaze {input.gaze:q} --density {input.density:q}"
        " --validation-frames {input.validation_frames:q}"
        " --validation-gaze {input.validation_gaze:q} --validation-density {input.validation_density:q}"
        " --settings {params.settings:q} --loss {params.loss:q} --seed {params.seed}"
        " --threads {threads} --code {params.code}"
        " --checkpoints {params.checkpoints:q} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule finetune:
    """The whole network on video, Setting 1 and Setting 2 (Sec. IV-B)."""
    input:
        start=start_weights,
        frames=training_stores("frames"),
        flow=flow_for(training_stores),
        gaze=training_stores("gaze"),
        density=training_stores("density"),
        validation_frames=training_stores("frames", "validation"),
        validation_flow=flow_for(training_stores, "validation"),
        validation_gaze=training_stores("gaze", "validation"),
        validation_density=training_stores("density", "validation"),
        stores=ancient(training_folders("frames", "gaze", "density")),
        flows=ancient(flow_for(training_folders)),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/finetune/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/finetune/{model}/{training}.tsv"
    wildcard_constraints:
        model=one_of(models("trained")),
        training=one_of(cfg.trainings),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=16000,
        processes=1,
    params:
        code=code_digest("pipeline.training.finetune"),
        network=network_json,
        settings=training_json,
        loss=cfg.loss.model_dump_json(),
        seed=cfg.seed,
        checkpoints=beside_weights("checkpoints"),
        board=beside_weights("tensorboard"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.finetune"
        " --network {params.network:q} --start {input.start:q}"
        " --frames {input.frames:q} --flow {input.flow:q}"
        " --gaze {input.gaze:q} --density {input.density:q}"
        " --validation-frames {input.validation_frames:q} --validation-flow {input.validation_flow:q}"
        " --validation-gaze {input.validation_gaze:q} --validation-density {input.validation_density:q}"
        " --settings {params.settings:q} --loss {params.loss:q} --seed {params.seed}"
        " --threads {threads} --code {params.code}"
        " --checkpoints {params.checkpoints:q} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule fit:
    """Statistics of the training frames, for models that learn no more than these."""
    input:
        frames=training_stores("frames"),
        density=training_stores("density"),
        stores=ancient(training_folders("frames", "density")),
    output:
        weights="<results>/weights/{model}/{training}.safetensors",
        log="<results>/weights/{model}/{training}.csv",
    log:
        "<logs>/fit/{model}/{training}.log",
    benchmark:
        "<logs>/benchmarks/fit/{model}/{training}.tsv"
    wildcard_constraints:
        model=one_of(models("fitted")),
        training=one_of(cfg.trainings),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    params:
        code=code_digest("pipeline.training.fit"),
        network=network_json,
        settings=cfg.fitting.model_dump_json(),
        seed=cfg.seed,
    shell:
        "python -m pipeline.training.fit --network {params.network:q} --frames {input.frames:q}"
        " --density {input.density:q} --settings {params.settings:q} --seed {params.seed}"
        " --threads {threads} --code {params.code}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule train_flow:
    """PWC-Net weights of our own, from pairs of pictures whose flow is known (docs/flow.md)."""
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
        mem_mb=8000,
        processes=1,
    params:
        code=code_digest("pipeline.training.train_flow"),
        network=json.dumps(cfg.flow_weights.network),
        settings=cfg.flow_weights.training.model_dump_json(),
        seed=cfg.seed,
        checkpoints=in_results("checkpoints/flow/pwcnet"),
        board=in_results("tensorboard/flow/pwcnet"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.train_flow"
        " --settings {params.settings:q} --network {params.network:q}"
        " --images {input.images:q} --start {input.start:q} --seed {params.seed} --threads {threads}"
        " --code {params.code} --checkpoints {params.checkpoints:q} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"


rule train_image_flow:
    """Weights of a network that sees flow in a still image (the predecessor's Sec. 4.2)."""
    input:
        backbone=image_flow_backbone,
        frames=image_flow_stores("frames"),
        flow=image_flow_stores(MAIN_FLOW),
        validation_frames=image_flow_stores("frames", "validation"),
        validation_flow=image_flow_stores(MAIN_FLOW, "validation"),
        stores=ancient(image_flow_stores("frames", suffix="zarr")),
        flows=ancient(image_flow_stores(MAIN_FLOW, suffix="zarr")),
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
        mem_mb=16000,
        processes=1,
    params:
        code=code_digest("pipeline.training.train_image_flow"),
        network=json.dumps(cfg.image_flow_weights.network),
        clustered=cfg.image_flow_weights.clustered,
        settings=cfg.image_flow_weights.training.model_dump_json(),
        sha256=json.dumps(cfg.backbone_sha256),
        seed=cfg.seed,
        checkpoints=in_results("checkpoints/flow/image_flow"),
        board=in_results("tensorboard/flow/image_flow"),
    shell:
        "exec python -m pipeline.runtime.torchrun {resources.processes} pipeline.training.train_image_flow"
        " --network {params.network:q} --clustered {params.clustered}"
        " --backbone {input.backbone:q} --sha256 {params.sha256:q}"
        " --frames {input.frames:q} --flow {input.flow:q}"
        " --validation-frames {input.validation_frames:q}"
        " --validation-flow {input.validation_flow:q}"
        " --settings {params.settings:q} --seed {params.seed} --threads {threads}"
        " --code {params.code} --checkpoints {params.checkpoints:q} --board {params.board:q}"
        " --weights {output.weights:q} --log {output.log:q} &> {log:q}"
