"""Functions that name files of the report, beside those of common.smk."""


def pictured_scores(wildcards):
    return [
        f"<results>/scores/{cfg.score.protocol}/{row.model}/{row.training}/{wildcards.dataset}.csv"
        for row in pictured(wildcards.dataset).values()
    ]


def benchmarks_folder(wildcards):
    return f"{cfg.pathvars['logs']}/benchmarks"


def rules_without_use():
    """Rules that the graph of all rules has and this run has not."""
    used = {
        "demo": cfg.run == "demo",
        "imagenet": cfg.backbone_weights == "torchvision",
        "gather": any("/given/" in path for path in measured_scores()),
    }
    return [rule for rule, is_used in used.items() if not is_used]
