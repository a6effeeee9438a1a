#!/usr/bin/env bash
# The same targets locally and through Slurm, each in a copy of its own, must give the same bytes.
#   bench/slurm.sh                  one chain of the demo, from raw files to scores
#   bench/slurm.sh TARGET...        other targets
# Starts a one-node Slurm if none answers (Debian, root: see docs/cluster.md). Run it with the
# environment active: PATH=$PWD/.venv/bin:$PATH bench/slurm.sh
set -euo pipefail
cd "$(dirname "$0")/.."

targets=("$@")
if ((!$#)); then
    targets=(results/demo/scores/mit/gfsalnet/setting_1_ucf_sports/ucf_sports.csv)
fi

start_slurm() {
    local name
    name=$(hostname -s)
    mkdir -p /etc/slurm /var/lib/slurm/ctld /var/lib/slurm/d /var/log/slurm /run/munge
    chown munge: /run/munge
    if [[ ! -s /etc/slurm/slurm.conf ]]; then
        cat >/etc/slurm/slurm.conf <<CONF
ClusterName=here
SlurmctldHost=$name(127.0.0.1)
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
StateSaveLocation=/var/lib/slurm/ctld
SlurmdSpoolDir=/var/lib/slurm/d
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
NodeName=$name NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1100)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    fi
    pgrep -x munged >/dev/null || runuser -u munge -- munged
    pgrep -x slurmctld >/dev/null || slurmctld
    pgrep -x slurmd >/dev/null || slurmd
    for _ in $(seq 30); do
        if timeout 5 srun true 2>/dev/null; then return; fi
        sleep 1
    done
    echo "Slurm does not answer; see /var/log/slurm" >&2
    return 1
}

copy_to() {
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | tar --null --files-from - -c | tar -x -C "$1"
}

run_in() { # folder, options of snakemake...
    local folder=$1 start=$SECONDS
    shift
    (cd "$folder" && PYTHONPATH=$PWD snakemake --quiet all "$@" -- "${targets[@]}" </dev/null) || return
    echo "$((SECONDS - start)) s: snakemake $*"
}

digests() {
    (cd "$1" && find data results -type f -print0 | sort -z | xargs -0 sha256sum)
}

timeout 5 sinfo &>/dev/null || start_slurm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy_to "$work/local"
copy_to "$work/slurm"
run_in "$work/local" --cores "$(nproc)"
run_in "$work/slurm" --workflow-profile profiles/slurm --latency-wait 10
digests "$work/local" >"$work/local.sha256"
digests "$work/slurm" >"$work/slurm.sha256"
if diff "$work/local.sha256" "$work/slurm.sha256"; then
    echo "the same $(wc -l <"$work/local.sha256") files, byte by byte"
else
    echo "local (<) and Slurm (>) differ" >&2
    exit 1
fi
