"""Networks are tried on zeros before anything runs: those that no earlier plan has tried."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from model.registry import module_of
from pipeline.config.config import Config
from pipeline.planning import needs
from pipeline.planning.provenance import code_digest
from pipeline.planning.rows import all_measured

TRIED = "networks"
"""File of digests of networks that keep to the contract."""


def try_networks(cfg: Config, folder: Path) -> None:
    """Try the networks of a run's tables that are not yet in the folder's list, and list them.

    Raises:
        SystemExit: One breaks the contract of model/sight.py; its message says how.
    """
    names = dict.fromkeys(row.model for _, row in all_measured(cfg))
    found = {digest_of(cfg, model): model for model in names if cfg.models[model].network}
    path = folder / TRIED
    tried = set(path.read_text().split()) if path.is_file() else set()
    new = found.keys() - tried
    if not new:
        return
    size = (cfg.frames.height, cfg.frames.width)
    given = [[found[one], needs.network_arguments(cfg, found[one]), *size] for one in sorted(new)]
    command = [sys.executable, "-m", "pipeline.training.contract", json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # A process that was killed has no last words.
        words = done.stderr.strip().splitlines() or [f"status {done.returncode}; rerun"]
        sys.exit(words[-1])
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(sorted(tried | new)))


def digest_of(cfg: Config, model: str) -> str:
    """Digest of a model's network: its code, its arguments and the size of its frames."""
    arguments = needs.network_arguments(cfg, model)
    code = code_digest("model.sight", module_of(arguments["network"]))
    facts = [code, arguments, cfg.frames.height, cfg.frames.width]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
