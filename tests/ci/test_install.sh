#!/bin/sh
# ci/install on machines that are not this one: programs that stand for dpkg-query, apt-cache, apt-get, id and sudo, told by files what
# is installed and what can be had.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
. tests/tap.sh
tap_shows=$here/said
bin=$here/bin
mkdir "$bin"
fake() { # fake NAME: its script from standard input
    { echo '#!/bin/sh'; cat; } > "$bin/$1"
    chmod +x "$bin/$1"
}
fake dpkg-query << END
for name; do :; done
grep -qx "\$name" "$here/installed" && printf 'ii '
END
fake apt-cache << END
[ "\$LC_ALL" = C ] && sed -n "s/^\$2 \(.*\)/  Candidate: \1/p" "$here/known"
END
fake apt-get << END
echo "\$*" >> "$here/done"
[ "\$1" != update ] || { cp "$here/after" "$here/known"; exit; }
for name; do case \$name in -*|install) ;; *) grep -q "^\$name " "$here/known" || exit 100; echo "\$name" >> "$here/installed" ;; esac; done
END
fake id << END
cat "$here/uid"
END
fake sudo << END
echo sudo >> "$here/done"
exec "\$@"
END
for name in sh sed grep tr dirname cat env cp; do ln -s "$(command -v $name)" "$bin/$name"; done

all="gcc make pkg-config libyaml-dev libssl-dev libarchive-dev libpng-dev libjpeg62-turbo-dev libcurl4-openssl-dev libhdf5-dev libjansson-dev libdnnl-dev \
libcairo2-dev libfreetype-dev fonts-dejavu-core"
# machine ONEDNN: nothing is installed, all can be had, with this version of oneDNN.
machine() {
    : > "$here/installed"
    : > "$here/done"
    echo 0 > "$here/uid"
    for name in $all; do [ $name = libdnnl-dev ] && echo "$name $1" || echo "$name 1.0-1"; done > "$here/known"
    cp "$here/known" "$here/after"
}
run_install() { # run_install [NAME=VALUE...]: exit status in $status
    env -i PATH="$bin" "$@" sh ci/install > "$here/said" 2>&1
    status=$?
}
installs() { [ "$(wc -l < "$here/installed")" -eq "$1" ]; }
touched() { [ -s "$here/done" ]; }

for version in 2.6.3-1 3.1.1-2build1 3.7.2+ds-2 1:3.12.1+ds-3; do
    machine $version
    run_install
    [ $status -eq 0 ] && installs 15
    ok $? "installs_with_onednn_$version"
done
for version in 1.2-1 2.2.4-1 4.0-1 1:4.1+ds-1; do
    machine $version
    run_install
    plain=${version#*:}
    [ $status -eq 1 ] && ! touched && grep -q "this is oneDNN ${plain%%[-+]*}; Reprise needs" "$here/said" && grep -q 'nothing was installed' "$here/said"
    ok $? "installs_nothing_with_onednn_$version"
done
machine 4.0-1
run_install INSTALL=0
[ $status -eq 1 ] && ! touched && grep -q "this is oneDNN 4.0; Reprise needs" "$here/said"
ok $? says_that_a_version_will_not_do_without_installing_either
machine 3.7.2-1
echo "libdnnl-dev" > "$here/installed"
sed -i '/^libdnnl-dev/s/.*/libdnnl-dev 4.0-1/' "$here/known"
run_install
[ $status -eq 0 ] && installs 15
ok $? a_onednn_that_is_there_is_left_to_the_build

machine 3.7.2-1
run_install INSTALL=0
[ $status -eq 1 ] && ! touched && grep -q "missing packages: $all\$" "$here/said"
ok $? names_what_is_missing_and_installs_nothing
machine 3.7.2-1
sed -i 's/^pkg-config /pkgconf /; s/^libfreetype-dev /libfreetype6-dev /' "$here/known"
run_install
[ $status -eq 0 ] && installs 15 && grep -qx pkgconf "$here/installed" && grep -qx libfreetype6-dev "$here/installed"
ok $? takes_the_other_name_where_a_release_has_that
machine 3.7.2-1
printf '%s\n' $all | sed 's/^pkg-config$/pkgconf/' > "$here/installed"
run_install
[ $status -eq 0 ] && ! touched
ok $? is_content_with_what_is_there_under_another_name
machine 3.7.2-1
: > "$here/known"
run_install
[ $status -eq 0 ] && [ "$(head -n 1 "$here/done")" = "update -qq" ] && installs 15
ok $? reads_the_lists_first_where_an_image_has_none
machine 4.0-1
: > "$here/known"
run_install
[ $status -eq 1 ] && installs 0 && grep -q "this is oneDNN 4.0" "$here/said"
ok $? looks_at_the_version_again_when_the_lists_are_there
machine 3.7.2-1
sed -i '/^libjansson-dev/d' "$here/known" "$here/after"
run_install
[ $status -eq 1 ] && installs 0 && ! grep -q install "$here/done" && grep -q 'no package libjansson-dev here' "$here/said"
ok $? installs_nothing_where_one_can_not_be_had
machine 3.7.2-1
echo 1000 > "$here/uid"
run_install
[ $status -eq 0 ] && installs 15 && grep -qx sudo "$here/done"
ok $? uses_sudo_where_it_is_not_root
machine 3.7.2-1
echo 1000 > "$here/uid"
mv "$bin/sudo" "$here/sudo"
run_install
[ $status -eq 1 ] && ! touched && grep -q 'there is no sudo; run as root: apt-get install gcc ' "$here/said"
ok $? says_what_root_should_do_where_there_is_no_sudo
mv "$here/sudo" "$bin/sudo"
machine 3.7.2-1
printf '%s\n' $all > "$here/installed"
echo 1000 > "$here/uid"
run_install
[ $status -eq 0 ] && ! touched
ok $? touches_nothing_where_nothing_is_missing

# Where there is no dpkg, programs and libraries are looked for themselves.
rm "$bin/dpkg-query"
for name in gcc make; do fake $name < /dev/null; done
fake find << END
echo DejaVuSans.ttf
END
fake pkg-config << END
! grep -qx "\$2" "$here/lacks"
END
echo none > "$here/lacks"
run_install
[ $status -eq 0 ] && ! touched && [ ! -s "$here/said" ]
ok $? says_nothing_on_another_system_that_has_all
printf '%s\n' yaml-0.1 libpng > "$here/lacks"
run_install
[ $status -eq 0 ] && ! touched && [ "$(wc -l < "$here/said")" -eq 1 ] && grep -q "by Debian's names: libyaml-dev libpng-dev; install" "$here/said"
ok $? names_in_one_line_what_another_system_lacks
finish
