#!/bin/sh
# docs/ci, what people copy into their project: the very files are read, and executed step by step as GitHub and GitLab do, in clean clones of
# a small project, as an ordinary user. Then with a fault, where the job must fail, and where.
BUILD=$(cd "${BUILD:-build}" && pwd)
if [ "$(id -u)" = 0 ]; then
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"; }
    as_nobody test -x "$BUILD/reprise" -a -x "$BUILD/tests/ci/yaml_at" -a -r docs/ci/github.yml 2> /dev/null &&
        exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all env BUILD="$BUILD" "$0"
    echo "ok 1 - files_for_ci # SKIP an ordinary user can't be had here, or can't read the build"
    echo "1..1"
    exit 0
fi
here=$(mktemp -d)
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows="$here/log $here/summary"
mkdir "$here/bin" "$here/home" "$here/tmp" "$here/kept"
ln -s "$BUILD/reprise" "$here/bin/reprise"
PATH=$here/bin:$PATH
export HOME="$here/home"
git config --global user.email a@b.example && git config --global user.name a && git config --global init.defaultBranch main || exit 1
github() { "$BUILD/tests/ci/yaml_at" docs/ci/github.yml "$@"; }
gitlab() { "$BUILD/tests/ci/yaml_at" docs/ci/gitlab.yml "$@"; }

# ---- a project: two stages, and a bound ----

mkdir "$here/origin"
cp docs/examples/coming-from/pipeline.yaml docs/examples/coming-from/*.sh docs/examples/coming-from/raw.txt "$here/origin"
echo '    require: {count.words: ">= 3"}' >> "$here/origin/pipeline.yaml"
printf '/artifacts/\n/cache/\n/reports/\n' > "$here/origin/.gitignore"
# commit MESSAGE [SED FILE]: runs the pipeline where nothing is said, or edits a file; the commit is $head, the one before it $base.
commit() {
    (cd "$here/origin" && if [ $# -gt 1 ]; then sed -i "$2" "$3"; else reprise run -q; fi && { [ -d .git ] || git init -q; } && git add -A && git commit -qm "$1") \
        > "$here/log" 2>&1 || { cat "$here/log"; exit 1; }
    base=$head head=$(git -C "$here/origin" rev-parse HEAD)
}
head=0000000000000000000000000000000000000000
clone() { rm -rf "$here/clone" && git clone -q "$here/origin" "$here/clone"; }

# ---- GitHub ----

# Its expressions, as far as the file has them; another one is for whoever writes it to add here.
value() {
    case $1 in
    '${{ github.event.pull_request.base.sha || github.event.before }}') echo "$base" ;;
    'reprise-${{ runner.os }}-${{ runner.arch }}-${{ hashFiles('"'cache/actions/**'"') }}')
        echo "reprise-$(find "$here/clone/cache/actions" -type f -exec sha256sum {} + | cut -c 1-64 | sort | sha256sum | cut -c 1-64)"
        ;;
    'reprise-${{ runner.os }}-${{ runner.arch }}-'*) echo "reprise-${1##*-}" ;;
    *'${{'*) echo "# '$1' is not known to this test" >&2; exit 1 ;;
    *) echo "$1" ;;
    esac
}
# due CONDITION: whether the step is executed.
due() {
    case $1 in
    '') [ -z "$failed_at" ] ;;
    '${{ !cancelled() && steps.run.outcome != '"'skipped'"' }}') case $done in *:run:*) ;; *) false ;; esac ;;
    *) echo "# 'if: $1' is not known to this test" >&2; exit 1 ;;
    esac
}
with() { github jobs pipeline steps "$step" with "$1"; }
use() ( # use ACTION: what it does, of what is said there
    case ${1%@*} in
    actions/checkout) [ "$(with fetch-depth)" = 0 ] && [ "$(with persist-credentials)" = false ] && clone ;;
    actions/cache/restore)
        from=$(ls -td "$here/caches/$(value "$(with key)")" "$here/caches/$(value "$(with restore-keys)")"* 2> /dev/null | head -n 1)
        [ -z "$from" ] || cp -a "$from" "$here/clone/$(with path)"
        ;;
    actions/cache/save)
        to=$here/caches/$(value "$(with key)")
        [ -e "$to" ] || { mkdir -p "$here/caches" && cp -a "$here/clone/$(with path)" "$to" && touch "$to"; }
        ;;
    actions/upload-artifact)
        paths=$(with path)
        rm -rf "$here/kept" && mkdir "$here/kept" && cd "$here/clone" &&
            bash -c 'shopt -s globstar nullglob; for path in $1; do [ ! -e "$path" ] || cp -r --parents "$path" "$2"; done' - "$paths" "$here/kept"
        ;;
    *) echo "# $1 is not known to this test" >&2; false ;;
    esac
)
# The environment of a step, that of the file and its own, as arguments of env.
environment() {
    for variable in $(github env); do echo "$variable=$(value "$(github env "$variable")")"; done
    for variable in $(github jobs pipeline steps "$step" env); do echo "$variable=$(value "$(github jobs pipeline steps "$step" env "$variable")")"; done
}
# job [NAME=VALUE...]: runs the job on a clone of $head, with values of its env in place of the file's; $failed_at is the step, and $done has them all.
job() {
    failed_at= done=:
    : > "$here/log" && : > "$here/summary" && : > "$here/outputs"
    for step in $(github jobs pipeline steps); do
        name=$(github jobs pipeline steps "$step" name)
        due "$(github jobs pipeline steps "$step" if)" || continue
        done=$done$(github jobs pipeline steps "$step" id):$name:
        echo "---- $name" >> "$here/log"
        if github jobs pipeline steps "$step" uses > "$here/uses"; then
            use "$(cat "$here/uses")" >> "$here/log" 2>&1
        else
            github jobs pipeline steps "$step" run > "$here/step.sh"
            environment > "$here/env"
            (cd "$here/clone" && while IFS= read -r line; do export "${line?}"; done < "$here/env" &&
                exec env "$@" CI=true GITHUB_ACTIONS=true GITHUB_WORKSPACE="$here/clone" GITHUB_STEP_SUMMARY="$here/summary" GITHUB_ENV="$here/outputs" \
                    GITHUB_OUTPUT="$here/outputs" GITHUB_PATH="$here/outputs" RUNNER_TEMP="$here/tmp" bash --noprofile --norc -eo pipefail "$here/step.sh") >> "$here/log" 2>&1
        fi || failed_at=${failed_at:-$name}
    done
}
says() { grep -qF -- "$1" "$here/${2:-log}"; }
junit() { grep -q "failures=\"$1\" errors=\"0\"" "$here/clone/reprise-junit.xml"; }

[ "$(github permissions)" = contents ] && [ "$(github permissions contents)" = read ] && ! grep -q 'secrets\.' docs/ci/github.yml &&
    github jobs pipeline timeout-minutes > /dev/null && [ "$(github concurrency cancel-in-progress)" = true ] && [ "$(github jobs pipeline defaults run shell)" = bash ]
ok $? github_has_least_permissions_no_secrets_a_time_limit_and_one_run_at_a_time
result=0
for step in $(github jobs pipeline steps); do
    ! github jobs pipeline steps "$step" uses > "$here/uses" || grep -qxE '[a-z-]+(/[a-z-]+)+@v[0-9]+\.[0-9]+\.[0-9]+' "$here/uses" || result=1
    ! github jobs pipeline steps "$step" run | grep -qF '${{' || result=1 # would be words of a script that others choose
done
ok $result github_pins_actions_and_puts_nothing_of_others_into_scripts

commit first
job
[ -z "$failed_at" ] && says '| count.count.words \>= 3 | 12 | met |' summary && junit 0 && [ ! -e "$here/clone/reprise-badge.svg" ] && ! says 'Since' summary
ok $? github_job_of_a_true_lock_passes
[ -f "$here/kept/reprise-junit.xml" ] && [ -f "$here/kept/pipeline.lock" ] && [ -f "$here/kept/artifacts/count/count.json" ] && [ -n "$(find "$here/kept/reports" -name '*.json')" ]
ok $? github_keeps_junit_lock_reports_and_metrics
job REPRISE_BADGE=count.count.words
[ -z "$failed_at" ] && says '0 executed, 2 cached' && grep -q '<title>words: 12 (met)</title>' "$here/kept/reprise-badge.svg"
ok $? github_job_takes_the_cache_of_the_job_before_and_makes_a_badge
sed -i 's/least: 5/least: 4/' "$here/origin/pipeline.yaml"
commit changed
job
[ -z "$failed_at" ] && says "### Since $(echo "$base" | cut -c 1-8)" summary && says '| count.count.words | 12 | 16 | +4 | better |' summary && says 'clean  cached, artifacts'
ok $? github_summary_says_what_a_commit_did_to_the_metrics

# faulty NAME STEP SED FILE: the job of this edit fails there.
faulty() {
    commit "$1" "$3" "$4"
    job
    [ "$failed_at" = "$2" ] || echo "# failed at '$failed_at'"
    [ "$failed_at" = "$2" ]
}
undo() { git -C "$here/origin" reset -q --hard HEAD^ && head=$(git -C "$here/origin" rev-parse HEAD); }
faulty forged Run '/path: count.json/,/size/s/digest: ../digest: 00/' pipeline.lock && says "out 'count' (count.json) differs from the lock" && says '## Pipeline' summary &&
    says 'classname="artifacts" name="count.count"' clone/reprise-junit.xml && [ -f "$here/kept/reprise-junit.xml" ]
ok $? github_job_of_an_out_that_is_not_the_lock_s_fails_where_it_runs
undo
faulty missed Run 's/>= 3/>= 300/' pipeline.yaml && says 'required >= 300' && says '**missed**' summary && junit 1 && says 'type="missed"' clone/reprise-junit.xml
ok $? github_job_of_a_missed_bound_fails_where_it_runs_and_says_so_in_summary_and_junit
undo
faulty wrong Look 's/metrics:/metrisc:/' pipeline.yaml && says "unknown key 'metrisc', did you mean 'metrics'?" && [ ! -s "$here/summary" ]
ok $? github_job_of_a_wrong_pipeline_fails_before_any_work
undo
faulty stale Run 's/least: 4/least: 3/' pipeline.yaml && says 'the lock is stale: run without --locked, and commit it'
ok $? github_job_of_a_stale_lock_fails
undo
commit build '$s/$/\n# another build/' count.sh
job
[ -z "$failed_at" ] && says "::warning::pipeline.lock was made by another build" && says 'met: count: count.words' && junit 0
ok $? github_job_of_a_lock_of_another_build_warns_and_holds_the_bounds
job REPRISE_ELSEWHERE=fail
[ "$failed_at" = Run ] && says '0 executed, 2 cached'
ok $? github_job_of_a_lock_of_another_build_fails_where_that_is_asked_and_executes_nothing_twice
commit stale 's/least: 4/least: 2/' pipeline.yaml
job
[ "$failed_at" = Run ] && says 'count: another build' && says 'the lock is stale' && ! says '::warning::'
ok $? github_job_of_a_stale_lock_of_another_build_fails
job
[ "$failed_at" = Run ] && says '0 executed, 2 cached'
ok $? github_job_that_failed_leaves_its_results_in_the_cache
undo
undo
sed -i '1i profiles: {other: {}}\nprofile: other' "$here/origin/pipeline.yaml" && rm "$here/origin/pipeline.lock"
commit profile
job
[ -z "$failed_at" ] && says 'Not compared' summary && says "has nothing of profile 'other'"
ok $? github_job_passes_where_the_base_has_no_lock_to_compare_with
undo
rm "$here/bin/reprise"
job
[ "$failed_at" = Install ] && says '::error::reprise is not on the PATH'
ok $? github_job_without_reprise_says_what_to_set
# A package of somebody's: apt-get is not ours to call here, so that what it is given is looked at.
echo package > "$here/package.deb"
printf '#!/bin/sh\nexec "$@"\n' > "$here/bin/sudo"
printf '#!/bin/sh\n[ "$1" = update ] || ln -s "%s" "%s"\n' "$BUILD/reprise" "$here/bin/reprise" > "$here/bin/apt-get"
chmod +x "$here/bin/sudo" "$here/bin/apt-get"
job REPRISE_DEB="file://$here/package.deb" REPRISE_DEB_SHA256="$(printf %064d 0)"
[ "$failed_at" = Install ] && says 'FAILED'
ok $? github_job_refuses_a_package_of_another_digest
job REPRISE_DEB="file://$here/package.deb" REPRISE_DEB_SHA256="$(sha256sum < "$here/package.deb" | cut -c 1-64)"
[ -z "$failed_at" ] && cmp "$here/tmp/reprise.deb" "$here/package.deb"
ok $? github_job_installs_the_package_whose_digest_is_said

# ---- GitLab ----

# part NAME: the script of a part, an entry after the other, as one.
part() { for entry in $(gitlab reprise "$1"); do gitlab reprise "$1" "$entry" && echo; done; }
gitlab_job() { # gitlab_job [NAME=VALUE...]: $status is that of before_script and script; after_script runs in any case
    clone
    part before_script > "$here/job.sh" && part script >> "$here/job.sh" && part after_script > "$here/after.sh"
    for name in $(gitlab reprise variables); do echo "$name=$(gitlab reprise variables "$name")"; done > "$here/env"
    [ ! -d "$here/gitlab-cache" ] || cp -a "$here/gitlab-cache" "$here/clone/cache"
    for script in job after; do
        (cd "$here/clone" && while IFS= read -r line; do export "${line?}"; done < "$here/env" &&
            exec env "$@" CI=true GITLAB_CI=true CI_COMMIT_BEFORE_SHA="$base" sh -e "$here/$script.sh") > "$here/log.$script" 2>&1
        ended=$?
        [ $script = after ] || status=$ended
    done
    cat "$here/log.job" "$here/log.after" > "$here/log"
    cp "$here/clone/reprise-summary.md" "$here/summary"
    case $status$(gitlab reprise cache when) in 0* | *always) rm -rf "$here/gitlab-cache" && cp -a "$here/clone/cache" "$here/gitlab-cache" ;; esac
}
[ "$(gitlab reprise artifacts when)" = always ] && [ "$(gitlab reprise artifacts reports junit)" = reprise-junit.xml ] && [ "$(gitlab reprise cache paths 0)" = cache/ ] && gitlab reprise timeout > /dev/null
ok $? gitlab_keeps_junit_and_the_cache_and_has_a_time_limit
base=$(git -C "$here/origin" rev-parse HEAD^)
gitlab_job REPRISE_BADGE=count.count.words
[ $status -eq 0 ] && junit 0 && says 'met |' summary && says "### Since $base" summary && grep -q '<title>words: ' "$here/clone/reprise-badge.svg"
ok $? gitlab_job_of_a_true_lock_passes
gitlab_job
[ $status -eq 0 ] && says '0 executed, 2 cached'
ok $? gitlab_job_takes_the_cache_of_the_job_before
commit forged '/path: count.json/,/size/s/digest: ../digest: 00/' pipeline.lock
gitlab_job
[ $status -eq 102 ] && says 'classname="artifacts" name="count.count"' clone/reprise-junit.xml && says '## Pipeline' summary
ok $? gitlab_job_of_an_out_that_is_not_the_lock_s_fails_and_writes_its_reports
undo
commit missed 's/>= 3/>= 300/' pipeline.yaml
gitlab_job
[ $status -eq 1 ] && says '**missed**' summary && junit 1
ok $? gitlab_job_of_a_missed_bound_fails
undo
commit build '$s/$/\n# another build/' count.sh
gitlab_job
[ $status -eq 0 ] && says 'warning: pipeline.lock was made by another build' && gitlab_job REPRISE_ELSEWHERE=fail && [ $status -eq 104 ]
ok $? gitlab_job_of_a_lock_of_another_build_warns_or_fails_as_is_asked
commit stale 's/least: 4/least: 2/' pipeline.yaml
gitlab_job
[ $status -eq 1 ] && says 'the lock is stale' && ! says 'warning: pipeline.lock was made' && gitlab_job && [ $status -eq 1 ] && says '0 executed, 2 cached'
ok $? gitlab_job_that_failed_leaves_its_results_in_the_cache
finish
