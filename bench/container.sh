#!/usr/bin/env bash
# Builds envs/Containerfile, makes targets in the image with the network cut off, and the same
# targets outside of it: what is below `data` and `results` must have the same bytes.
#   bench/container.sh                              one chain of the demo, from raw files to scores
#   BASE=debian.tar bench/container.sh OPTION...    a file system in the place of Docker Hub's
#                                                   Debian 12; options of `buildah build`
# Needs buildah and root (docs/running.md), and the environment outside:
#     PATH=$PWD/.venv/bin:$PATH bench/container.sh
# Where Docker Hub cannot be reached: mmdebstrap --variant=minbase bookworm debian.tar
# The image stays as localhost/gfsalnet; TARGETS="..." makes others, FOLDER keeps what was made.
set -euo pipefail
clone=$(cd "$(dirname "$0")/.." && pwd)

targets=${TARGETS:-results/demo/scores/mit/centre_bias/untrained/ucf_sports.csv}
base=${BASE:-docker.io/library/debian:bookworm-slim}
image=localhost/gfsalnet
work=${FOLDER:-$(mktemp -d)}
container=

cleanup() {
    [[ -z $container ]] || buildah rm "$container" >/dev/null
    [[ -n ${FOLDER:-} ]] || rm -rf "$work"
}
trap cleanup EXIT

imported() { # a tar of a root file system, as an image
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$1" / >/dev/null
    buildah commit --quiet "$container" localhost/base >/dev/null
    buildah rm "$container" >/dev/null
    container=
}

inside() {
    unshare --net buildah run --isolation chroot --volume "$work/inside:/workflow" "$container" -- "$@"
}

digests() {
    (cd "$1" && find data results -type f -print0 | sort -z | xargs -0 sha256sum)
}

mkdir -p "$work/inside" "$work/outside"
chmod a+rwx "$work/inside"
if [[ -f $base ]]; then
    imported "$base"
    base=localhost/base
fi
start=$SECONDS
buildah build --isolation chroot --file "$clone/envs/Containerfile" --tag "$image" \
    --build-arg BASE="$base" "$@" "$clone"
echo "== built in $((SECONDS - start)) s"

container=$(buildah from "$image")
echo "== user: $(inside id --user --name)"
echo "== network: $(inside sed -n 's/^ *\(.*\):.*/\1/p' /proc/net/dev)"
inside gfsalnet info
start=$SECONDS
# shellcheck disable=SC2016  # the shell inside expands it
inside bash -c 'root=$(python -c "from pipeline.planning.provenance import ROOT; print(ROOT)")
    exec snakemake --snakefile "$root/Snakefile" --cores 1 --quiet all -- "$@"' - $targets
echo "== made inside in $((SECONDS - start)) s"
start=$SECONDS
(cd "$work/outside" && snakemake --snakefile "$clone/Snakefile" --cores 1 --quiet all -- $targets)
echo "== made outside in $((SECONDS - start)) s"

digests "$work/inside" >"$work/inside.sha256"
digests "$work/outside" >"$work/outside.sha256"
diff "$work/inside.sha256" "$work/outside.sha256" || {
    echo "inside (<) and outside (>) differ" >&2
    exit 1
}
echo "the same $(wc -l <"$work/inside.sha256") files, byte by byte"
