#!/bin/sh
# The download stage against a real web server on the loopback: broken connections, kills, pages instead of files.
set -u
BUILD=${BUILD:-build}
stage=$PWD/$BUILD/stages/download
[ "${BUILD#/}" = "$BUILD" ] || stage=$BUILD/stages/download
export no_proxy='*' LC_ALL=C
PATH=$PATH:/usr/sbin
if ! command -v nginx > /dev/null; then
    echo "ok 1 - download from nginx # SKIP nginx is not installed"
    echo 1..1
    exit 0
fi
work=$(mktemp -d)
server= client=
. tests/tap.sh
tap_shows="$work/out.txt $work/logs/error.log"
cleanup() {
    [ -n "$client" ] && kill -KILL "$client" 2> /dev/null
    [ -n "$server" ] && kill -TERM "$server" 2> /dev/null && wait "$server" 2> /dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"
mkdir "$work/www" "$work/logs"

# An archive in the layout of CIFAR-10, its pixels decimal numbers: 1 to 9 are labels.
batch() { awk -v n="$1" -v from="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%c%03072d", i % 9 + 1, from + i }'; }
mkdir "$work/c"
batch 1000 0 > "$work/c/data_batch_1.bin"
batch 200 5000 > "$work/c/test_batch.bin"
printf '%s\n' a b c d e f g h i j > "$work/c/batches.meta.txt"
(cd "$work" && tar cf www/data.tar c && gzip -nc www/data.tar > www/data.tar.gz)
size=$(wc -c < "$work/www/data.tar")
head -c $((size / 2)) "$work/www/data.tar" > "$work/www/half.tar"
sha() { sha256sum "$work/www/$1" | cut -c1-64; }

# serve RATE EXTRA-DIRECTIVES [LISTEN-FLAG]: nginx with its own log; on the port of before, else a free one.
port=
serve() {
    : > "$work/logs/access.log"
    chmod 666 "$work/logs/access.log"
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        candidate=${port:-$((20000 + ($$ * 7 + try * 997) % 30000))}
        cat > "$work/nginx.conf" << EOF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/logs/error.log;
events { worker_connections 64; }
http {
    access_log $work/logs/access.log;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server {
        listen 127.0.0.1:$candidate ${3:-};
        root $work/www;
        limit_rate $1;
        $2
        location = /page.tar.gz { default_type text/html; return 200 "<!DOCTYPE html><p>moved"; }
        location = /moved.tar { return 301 /data.tar; }
        location = /downgraded.tar { return 301 http://127.0.0.1:$candidate/data.tar; }
    }
}
EOF
        nginx -c "$work/nginx.conf" -p "$work" 2> "$work/logs/start.log" &
        server=$!
        for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -0 "$server" 2> /dev/null || break
            [ -s "$work/nginx.pid" ] && port=$candidate && return 0
            sleep 0.05
        done
        wait "$server" 2> /dev/null
    done
    echo "Bail out! nginx does not start: $(cat "$work/logs/start.log")"
    server=
    exit 1
}
stop_serving() {
    kill -TERM "$server"
    wait "$server" 2> /dev/null
    server=
    rm -f "$work/nginx.pid"
}

scheme=http
# describe NAME FILE SHA256: a fresh stage.json; its outs and checkpoint lie in $work/NAME.
describe() {
    rm -rf "${work:?}/$1"
    mkdir "$work/$1" "$work/$1/checkpoint"
    cat > "$work/$1/stage.json" << EOF
{"stage": "download", "deps": {}, "outs": {"dataset": "$work/$1/dataset"}, "checkpoint": "$work/$1/checkpoint",
 "params": {"dataset": {"url": "$scheme://127.0.0.1:$port/$2", "sha256": "$3", "train_limit": null, "test_limit": null},
            "weights": {"url": null, "sha256": null},
            "pretrain": {"url": null, "sha256": null}}}
EOF
}
run() { (cd "$work/$1" && exec "$stage" stage.json) > "$work/out.txt" 2>&1; }
start() {
    (cd "$work/$1" && exec "$stage" stage.json) > "$work/out.txt" 2>&1 &
    client=$!
}
ended() {
    wait "$client"
    status=$?
    client=
    return $status
}
# Waits until the partial file has some bytes, for at most five seconds.
wait_for_part() {
    for wait in $(seq 100); do
        part=$(cat "$work/$1"/checkpoint/*.part 2> /dev/null | wc -c)
        [ "$part" -gt 300000 ] && return 0
        sleep 0.05
    done
    return 1
}
nothing_stored() { [ ! -e "$work/$1/dataset" ]; }
resumed() { grep -q '" 206 ' "$work/logs/access.log" && ! grep -q '" 200 ' "$work/logs/access.log"; }
same() { diff -r "$work/whole/dataset" "$work/$1/dataset" > /dev/null; }

serve 0 ''
describe whole data.tar "$(sha data.tar)"
run whole && [ -s "$work/whole/dataset/train_images.npy" ] && [ -z "$(ls "$work/whole/checkpoint")" ]
ok $? "download fetches, unpacks and leaves no archive behind"

describe moved moved.tar "$(sha data.tar)"
run moved && cmp "$work/whole/dataset/train_images.npy" "$work/moved/dataset/train_images.npy" > "$work/out.txt"
ok $? "download follows a redirect"

describe absent absent.tar "$(sha data.tar)"
run absent
[ $? -eq 1 ] && grep -q "status 404" "$work/out.txt" && nothing_stored absent
ok $? "download reports status 404 and stores nothing"

describe page page.tar.gz "$(sha data.tar)"
run page
[ $? -eq 102 ] && grep -q "the server sent an HTML page instead of the file" "$work/out.txt" && nothing_stored page \
    && [ -z "$(ls "$work/page/checkpoint")" ]
ok $? "download recognises a page instead of the file, exits 102 and stores nothing"

describe half half.tar "$(sha half.tar)"
run half
[ $? -eq 1 ] && grep -q "truncated" "$work/out.txt" && nothing_stored half
ok $? "download reports a truncated archive and stores nothing"
stop_serving

serve 1m ''
describe broken data.tar "$(sha data.tar)"
start broken
wait_for_part broken && stop_serving && serve 0 '' && ended && resumed && same broken
ok $? "download goes on where a connection broke"
[ -n "$client" ] && kill -KILL "$client" && ended
[ -n "$server" ] && stop_serving

serve 1m ''
describe ranges data.tar "$(sha data.tar)"
start ranges
wait_for_part ranges && stop_serving && serve 0 'max_ranges 0;' && ended && grep -q '" 200 ' "$work/logs/access.log" \
    && same ranges
ok $? "download starts over where the server has no ranges"
[ -n "$client" ] && kill -KILL "$client" && ended
[ -n "$server" ] && stop_serving

serve 1m ''
describe killed data.tar "$(sha data.tar)"
start killed
wait_for_part killed && kill -KILL "$client"
ended
part=$(cat "$work"/killed/checkpoint/*.part | wc -c)
stop_serving
serve 0 ''
run killed && resumed && same killed && [ "$part" -gt 0 ]
ok $? "download goes on after a kill"
stop_serving

serve 1m ''
describe stopped data.tar "$(sha data.tar)"
start stopped
wait_for_part stopped && kill -TERM "$client"
ended
[ $? -eq 130 ] && nothing_stored stopped && [ -s "$(ls "$work"/stopped/checkpoint/*.part)" ]
ok $? "download keeps what it has and exits 130 on SIGTERM"
stop_serving

if command -v openssl > /dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/certificate.pem" 2> "$work/out.txt"
    serve 0 "ssl_certificate $work/certificate.pem; ssl_certificate_key $work/key.pem;" ssl
    scheme=https
    describe secure data.tar "$(sha data.tar)"
    (export SSL_CERT_FILE="$work/certificate.pem" && run secure) && same secure
    ok $? "download fetches by https from a server that its authorities vouch for"
    describe stranger data.tar "$(sha data.tar)"
    run stranger
    [ $? -eq 1 ] && grep -q "certificate" "$work/out.txt" && nothing_stored stranger
    ok $? "download refuses a server that nobody vouches for"
    describe downgraded downgraded.tar "$(sha data.tar)"
    (export SSL_CERT_FILE="$work/certificate.pem" && run downgraded)
    [ $? -eq 1 ] && grep -q 'http.*disabled' "$work/out.txt" && nothing_stored downgraded
    ok $? "download is not led from https to http"
    scheme=http
    stop_serving
else
    skip "download by https" "openssl is not installed"
fi

describe offline data.tar "$(sha data.tar)"
run offline
[ $? -eq 1 ] && grep -q "place the file yourself and run with --set dataset.url=file:/path/to/data.tar" "$work/out.txt" \
    && nothing_stored offline
ok $? "download without a server says the way out"

finish
