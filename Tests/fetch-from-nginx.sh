#!/bin/bash
# `ems data` against a real web server: nginx, on the loopback, with a configuration and files of its own. Whole files, a
# download that is killed and gone on with by ranges, a file that changes in between, a redirect, an error page.
# Says so and does nothing where nginx is not installed (Debian: nginx-light).
set -euo pipefail
cd "$(dirname "$0")/.."

nginx=$(PATH="$PATH:/usr/sbin" command -v nginx) || {
  echo "skipped: nginx is not installed (apt-get install nginx-light)"
  exit 0
}
ems=$PWD/.build/release/ems
work=$(mktemp -d)
server=
stop() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

fail() {
  echo "failed: $*" >&2
  cat "$work/err" >&2 || true
  exit 1
}

mkdir -p "$work/files" "$work/tmp"
head -c 40000000 /dev/urandom | base64 >"$work/files/big.txt"
gzip -1 -c "$work/files/big.txt" >"$work/files/big.txt.gz"
seq 1000 >"$work/files/small.txt"

# A port that is free now may be taken a moment later; then another one.
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  cat >"$work/nginx.conf" <<CONF
daemon off;
master_process off;
pid $work/pid;
error_log $work/error.log;
events {}
http {
  log_format ranges '\$request_uri \$status \$http_range \$body_bytes_sent';
  access_log $work/access.log ranges;
  client_body_temp_path $work/tmp; proxy_temp_path $work/tmp; fastcgi_temp_path $work/tmp;
  uwsgi_temp_path $work/tmp; scgi_temp_path $work/tmp;
  server {
    listen 127.0.0.1:$port;
    root $work/files;
    location /slow/ { alias $work/files/; limit_rate 8m; }
    location /moved/ { rewrite ^/moved/(.*)\$ /\$1 redirect; }
    location /local/ { return 302 file:///etc/passwd; }
    location /page/ { default_type text/html; return 200 '<html><body>Sorry</body></html>'; }
  }
}
CONF
  "$nginx" -e "$work/error.log" -c "$work/nginx.conf" 2>"$work/err" &
  server=$!
  for _ in $(seq 50); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break 2; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
done
kill -0 "$server" 2>/dev/null || fail "nginx does not start"

# manifest FILE COMPRESSION DIGEST PATH...
manifest() {
  local file=$1 compression=$2 digest=$3
  shift 3
  {
    printf '%s\n' 'name: local' 'version: "1"' 'description: Files of this test.' 'languages: [en]' 'licence: none' \
      'licence_url: null' 'use: any' 'source: https://example.org/' 'citation: none' \
      'unverified: [bytes, licence_url, lines, sha256]' 'files:'
    for path; do
      printf '  - {url: "http://127.0.0.1:%s/%s", compression: %s, format: text, bytes: null, sha256: %s, lines: null}\n' \
        "$port" "$path" "$compression" "$digest"
    done
  } >"$work/$file"
}
digest() { sha256sum "$1" | cut -d' ' -f1; }
status() { # status EXPECTED ARGUMENTS...
  local expected=$1 got=0
  shift
  "$ems" data "$@" >"$work/out" 2>"$work/err" || got=$?
  [ "$got" = "$expected" ] || fail "ems data $*: status $got, not $expected"
}

echo "nginx: whole files, and through a redirect"
manifest whole.yaml none "$(digest "$work/files/small.txt")" small.txt
status 0 fetch "$work/whole.yaml" --output "$work/whole"
cmp "$work/files/small.txt" "$work/whole/small.txt"
manifest gz.yaml gzip "$(digest "$work/files/big.txt.gz")" moved/big.txt.gz
status 0 fetch "$work/gz.yaml" --output "$work/whole"
cmp "$work/files/big.txt.gz" "$work/whole/big.txt.gz"
status 0 verify "$work/gz.yaml" --output "$work/whole"

# Starts a slow download and kills it when some of it is there.
half() {
  "$ems" data fetch "$work/slow.yaml" --output "$1" >"$work/out" 2>"$work/err" &
  local job=$!
  for _ in $(seq 200); do
    if [ "$(stat -c %s "$1/.ems-data/big.txt.part" 2>/dev/null || echo 0)" -gt 1000000 ]; then break; fi
    sleep 0.05
  done
  kill -KILL "$job"
  wait "$job" 2>/dev/null || true
  [ ! -e "$1/big.txt" ] || fail "the download was complete before it could be killed"
}

echo "nginx: killed, and gone on with"
manifest slow.yaml none null slow/big.txt
half "$work/killed"
kept=$(stat -c %s "$work/killed/.ems-data/big.txt.part")
status 0 fetch "$work/slow.yaml" --output "$work/killed" --json
cmp "$work/files/big.txt" "$work/killed/big.txt"
grep -q "\"resumed_from\":$kept" "$work/out" || fail "not gone on with at $kept: $(cat "$work/out")"
grep -q "206 bytes=$kept- " "$work/access.log" || fail "nginx was not asked for a range"

echo "nginx: killed, and the file changes"
half "$work/changed"
(seq 5000000; cat "$work/files/small.txt") >"$work/files/new" && mv "$work/files/new" "$work/files/big.txt"
status 0 fetch "$work/slow.yaml" --output "$work/changed" --json
cmp "$work/files/big.txt" "$work/changed/big.txt"
if grep -q resumed_from "$work/out"; then fail "went on with another version"; fi

echo "nginx: what must fail"
manifest digest.yaml none "$(digest "$work/files/big.txt")" small.txt
status 65 fetch "$work/digest.yaml" --output "$work/bad"
manifest gone.yaml none null none.txt
status 66 fetch "$work/gone.yaml" --output "$work/bad"
manifest local.yaml none null local/x
status 65 fetch "$work/local.yaml" --output "$work/bad"
manifest page.yaml none null page/x
status 65 fetch "$work/page.yaml" --output "$work/bad"
[ "$(ls "$work/bad")" = "" ] || fail "there are files: $(ls "$work/bad")"
echo "nginx: all good"
