#!/bin/sh
# What ci/image would do to a Dockerfile otherwise than Docker, it refuses in one line, before anything is made. Its work itself is
# of minutes, and part of `ci/run long`.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
good='FROM debian:stable-slim
COPY ci ci
RUN true \
 && true
USER nobody
ENTRYPOINT ["reprise"]'
refuses() { # refuses NAME SAID DOCKERFILE
    printf '%s\n' "$3" > "$here/Dockerfile"
    TMPDIR=$here ci/image "$here/Dockerfile" > "$here/said" 2>&1
    status=$?
    [ $status -eq 1 ] && [ "$(wc -l < "$here/said")" -eq 1 ] && grep -qF -e "$2" "$here/said" && [ "$(ls "$here")" = "$(printf 'Dockerfile\nsaid')" ]
    ok $? "refuses_$1"
}
refuses an_instruction_that_it_does_not_know "'HEALTHCHECK CMD true': only" "$good
HEALTHCHECK CMD true"
refuses an_image_that_it_cannot_make "'FROM alpine': only debian:SUITE-slim" "$(echo "$good" | sed 's/debian:stable-slim/alpine/')"
refuses options_of_copy_that_it_does_not_know "of the options only --from is known" "$(echo "$good" | sed 's/COPY/COPY --chown=1:1/')"
refuses options_after_from_as_well "of the options only --from is known" "$(echo "$good" | sed 's/COPY/COPY --from=x --chown=1:1/')"
refuses an_option_of_run "of the options only --from is known" "$(echo "$good" | sed 's/RUN/RUN --mount=type=cache,target=\/x/')"
refuses a_step_written_as_a_list "not as a list" "$(echo "$good" | sed 's/RUN true.*/RUN ["true"]/; /^ &&/d')"
refuses an_entry_point_for_a_shell "write it as a list" "$(echo "$good" | sed 's/^ENTRYPOINT.*/ENTRYPOINT reprise/')"
refuses a_program_that_runs_as_root "has no USER" "$(echo "$good" | sed '/^USER/d')"
refuses an_image_without_an_entry_point "has no ENTRYPOINT" "$(echo "$good" | sed '/^ENTRYPOINT/d')"
finish
