"""Functions that name files of the report, beside those of common.smk."""


def pictured_scores(wildcards):
    return [
        f"<results>/scores/{cfg.score.protocol}/{row.model}/{row.training}/{wildcards.dataset}.csv"
        for row in pictured(wildcards.dataset).values()
    ]


def benchmarks_folder(wildcards):
    return f"{cfg.pathvars['logs']}/benchmarks"
