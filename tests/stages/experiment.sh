# The pipeline of this repository in a temporary project, made small, for the shell tests of the whole.
# Sourced from the repository's root.
. tests/runner/project.sh

# make_experiment NAME: a project with pipeline.yaml and the build.
make_experiment() {
    project=$here/$1
    mkdir -p "$project"
    cp pipeline.yaml "$project/pipeline.yaml"
    ln -s "$BUILD" "$project/build"
}

# experiment COMMAND [ARGUMENTS]: the profile `sample` with few pictures and few steps. Nothing that it learns is worth much, so nothing
# is required of it, and a base that has seen so little may look wrong to the preflight.
experiment() {
    command=$1
    shift
    r "$command" --set target=0 --set boxes=null --set train.preflight=warn \
        --set 'dataset.url=sample:objects?train=600&test=200' \
        --set dataset.sha256=679aa885b74c0df2111da04546765edffff52ee572bd9f890c641c76cfcba8a6 \
        --set 'pretrain.url=sample:shapes?train=600&test=100' \
        --set pretrain.sha256=745775e514cca2e1dfccd659e2975b16889db8fd586ea4463058c746e0accb03 \
        --set pretraining.batch=16 --set pretraining.steps_per_epoch=15 --set pretraining.epochs=3 \
        --set train.steps_per_epoch=8 --set phase1.epochs=2 --set phase2.epochs=2 "$@"
}

# executed: the names of the stages that the last run executed, sorted, on one line.
executed() { sed -n 's/^\([a-z0-9_]*\) *executed in .*/\1/p' "$here/err" | sort | tr '\n' ' '; }

# snapshot FILE: digest, inode and time of all that a run leaves for people.
snapshot() {
    (cd "$project" && find artifacts reports pipeline.lock -type f -exec sha256sum {} + &&
        find artifacts reports pipeline.lock -printf '%p %i %T@\n') | sort > "$1"
}
