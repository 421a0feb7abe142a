# eq-hub and eq-work: what comes out is what one process gives, whoever dies on the way.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a subshell
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  T=$BATS_TEST_TMPDIR
  HUB=ipc://$T/hub
  M=corpora/mini
  work_options=()
}

teardown() {
  local pid
  for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
}

texts() { eq-text -c corpora/udhr -l "${1:-en,de,he}" --limit "${2:-60}"; }

# work COMMAND...: a worker in the background, whose status and words are kept.
work() {
  n=$((${n:-0} + 1))
  eq-work "${work_options[@]}" "$HUB" -- "$@" 2>"$T/work$n.err" &
  workers="${workers:-} $!"
  last=$!
}

# all_end_well: no worker said anything, and each ended in a few seconds with status 0, but those that came too late for
# their hub, which cannot be all.
all_end_well() {
  local pid status well=0
  for pid in $workers; do
    for _ in {1..30}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill "$pid" 2>/dev/null || true
    wait "$pid" && status=0 || status=$?
    [ "$status" = 0 ] || [ "$status" = 75 ]
    [ "$status" != 0 ] || well=$((well + 1))
  done
  [ "$well" -gt 0 ]
  ! cat "$T"/work*.err | grep -vqx 'eq-work: stopped by a signal' || false
}

# slow SECONDS: a filter that takes so long for each record.
slow() {
  cat <<END
import sys, time, msgpack
out = sys.stdout.buffer
for r in msgpack.Unpacker(sys.stdin.buffer, max_buffer_size=1 << 26, read_size=1):
    if "k" in r and r["k"] != "mark":
        time.sleep($1)
        $2
    if "end" in r: r = {"end": r["end"]}
    out.write(msgpack.packb(r))
    out.flush()
END
}

# waits_for N PATTERN FILE: until N lines of the file match.
waits_for() {
  for _ in {1..400}; do
    found=$(grep -ac "$2" "$3" 2>/dev/null || true)
    [ "${found:-0}" -lt "$1" ] || return 0
    sleep 0.05
  done
  cat "$3"
  return 1
}

@test "two workers give the bytes of one process" {
  texts en,de,he 12 >"$T/texts.mp"
  eq-token -m "$M" -i "$T/texts.mp" -o "$T/tokens.mp"
  eq-ppl -m "$M" -r none -r int4 --per-token -t 1 -i "$T/tokens.mp" -o "$T/one.mp"
  work eq-token -m "$M" -t 1
  work eq-token -m "$M" -t 1
  eq-hub --ordered "$HUB" -i "$T/texts.mp" -o "$T/tokens2.mp"
  cmp "$T/tokens.mp" "$T/tokens2.mp"
  HUB=ipc://$T/ppl
  work eq-ppl -m "$M" -r none -r int4 --per-token -t 1
  work eq-ppl -m "$M" -r none -r int4 --per-token -t 1
  eq-hub --ordered "$HUB" <"$T/tokens.mp" >"$T/two.mp"
  cmp "$T/one.mp" "$T/two.mp"
  all_end_well
}

@test "without --ordered the records are the same" {
  texts | eq-token -m "$M" >"$T/one.mp"
  work eq-token -m "$M" -t 1
  work eq-token -m "$M" -t 1
  texts | eq-hub "$HUB" >"$T/two.mp"
  cmp <(eq-show -f stream --bare --sort lang,id -i "$T/one.mp") <(eq-show -f stream --bare --sort lang,id -i "$T/two.mp")
  all_end_well
}

@test "a command may be a pipeline" {
  texts en 20 | eq-token -m "$M" -t 1 | eq-ppl -m "$M" -t 1 >"$T/one.mp"
  work sh -c "eq-token -m $M -t 1 | eq-ppl -m $M -t 1"
  texts en 20 | eq-hub --ordered "$HUB" >"$T/two.mp"
  cmp "$T/one.mp" "$T/two.mp"
  all_end_well
}

@test "a command may give several records for one, or none" {
  texts en | eq-shard -n 3 -s 1 >"$T/one.mp"
  work eq-shard -n 3 -s 1
  texts en | eq-hub --ordered "$HUB" >"$T/two.mp"
  cmp "$T/one.mp" "$T/two.mp"
  all_end_well
}

@test "an input without records still has its header and its programs" {
  texts en | eq-shard -n 1000 -s 999 | eq-show -f stream >"$T/none.mp"
  [ "$(eq-show -f jsonl -i "$T/none.mp" | wc -l)" -eq 0 ]
  work eq-token -m "$M"
  eq-hub "$HUB" -i "$T/none.mp" >"$T/two.mp"
  cmp <(eq-token -m "$M" -i "$T/none.mp") "$T/two.mp"
  all_end_well
}

@test "workers that are killed cost nothing but time" {
  slow 0.02 "open('$T/log', 'a').write('%d\n' % __import__('os').getppid())" >"$T/slow.py"
  texts en,de >"$T/texts.mp"
  work /usr/bin/python3 "$T/slow.py"
  local first=$last
  work /usr/bin/python3 "$T/slow.py"
  local second=$last
  eq-hub -v --ordered --expire 1 "$HUB" -i "$T/texts.mp" -o "$T/two.mp" 2>"$T/hub.err" &
  local hub=$!
  waits_for 5 "^$first$" "$T/log"
  kill -9 "$first"
  work /usr/bin/python3 "$T/slow.py"
  waits_for 5 "^$second$" "$T/log"
  kill -STOP "$second" # it hangs, and is only thought dead
  sleep 1.5
  kill -CONT "$second"
  wait $hub
  cat "$T/hub.err"
  cmp <(eq-show -f jsonl -i "$T/texts.mp") <(eq-show -f jsonl -i "$T/two.mp")
  grep -q 'workers lost' "$T/hub.err"
  ! grep -q ' 0 handed out again' "$T/hub.err" || false
}

@test "a worker that is told to stop gives back what it has not done" {
  slow 0.1 "open('$T/log', 'a').write('%d\n' % __import__('os').getppid())" >"$T/slow.py"
  texts en,de >"$T/texts.mp"
  work /usr/bin/python3 "$T/slow.py"
  local first=$last
  eq-hub -v --ordered "$HUB" -i "$T/texts.mp" -o "$T/two.mp" 2>"$T/hub.err" &
  local hub=$! done_first
  waits_for 3 "^$first$" "$T/log"
  kill -TERM "$first"
  wait "$first" && false || [ $? -eq 75 ]
  [ "$(cat "$T/work1.err")" = "eq-work: stopped by a signal" ]
  done_first=$(wc -l <"$T/log")
  [ "$done_first" -lt 40 ]
  sed -i 's/time.sleep(0.1)/time.sleep(0)/' "$T/slow.py"
  work /usr/bin/python3 "$T/slow.py"
  wait $hub
  cat "$T/hub.err"
  cmp <(eq-show -f jsonl -i "$T/texts.mp") <(eq-show -f jsonl -i "$T/two.mp")
  grep -q ', 0 workers lost' "$T/hub.err"
  [ "$(wc -l <"$T/log")" -le $(($(eq-show -f jsonl -i "$T/texts.mp" | wc -l) + 1)) ]
  eq-work "$HUB" -- cat & # without a hub it leaves at once
  sleep 0.3
  kill -USR1 $!
  wait $! && false || [ $? -eq 75 ]
}

@test "a disk that is full costs nothing but time" {
  texts en,de 100 >"$T/texts.mp"
  eq-token -m "$M" -i "$T/texts.mp" -o "$T/one.mp"
  work eq-token -m "$M"
  (ulimit -f 20 && exec eq-hub --resume "$T/journal" "$HUB" -i "$T/texts.mp" -o "$T/out.mp") 2>"$T/hub.err" && false || [ $? -eq 2 ]
  [ "$(cat "$T/hub.err")" = "eq-hub: $T/journal: write: File too large" ]
  wait "$last" && false || [ $? -eq 2 ]
  [ ! -e "$T/out.mp" ]
  [ "$(stat -c %s "$T/journal")" -eq 20480 ]
  work eq-token -m "$M"
  eq-hub --resume "$T/journal" "$HUB" -i "$T/texts.mp" -o "$T/out.mp"
  cmp "$T/one.mp" "$T/out.mp"
}

@test "a record that its command dies of is named, and does not drag others along" {
  slow 0 'if r["id"] == "pre.07": sys.exit(3)' >"$T/dies.py"
  work /usr/bin/python3 "$T/dies.py"
  texts en >"$T/texts.mp"
  run --separate-stderr timeout 30 eq-hub "$HUB" -i "$T/texts.mp" -o "$T/out.mp"
  echo "$stderr"
  [ "$status" -eq 2 ]
  [ "$(tail -n 1 <<<"$stderr")" = "eq-hub: record 7 (text en pre.07): 3 workers were lost with it, and nobody gets it again; the last said: /usr/bin/python3 ended with status 3" ]
  [ ! -e "$T/out.mp" ]
  wait "$last" && false || [ $? -eq 2 ]
  tail -n 1 "$T/work1.err" | grep -q "the hub refuses this worker: record 7"
}

@test "a command that dies now and then is started again" {
  slow 0 "
        import os
        if r['id'] == 'pre.07' and not os.path.exists('$T/died'): open('$T/died', 'w'); sys.exit(3)" >"$T/once.py"
  texts en >"$T/texts.mp"
  work /usr/bin/python3 "$T/once.py"
  timeout 30 eq-hub --ordered "$HUB" -i "$T/texts.mp" -o "$T/two.mp"
  wait "$last"
  [ -e "$T/died" ]
  cmp <(eq-show -f jsonl -i "$T/texts.mp") <(eq-show -f jsonl -i "$T/two.mp")
  [ "$(cat "$T/work1.err")" = "eq-work: /usr/bin/python3 ended with status 3: it is started again" ]
}

@test "a worker with another command is refused, and the first's results stay pure" {
  texts en >"$T/texts.mp"
  mkfifo "$T/in"
  work eq-token -m "$M"
  eq-hub --ordered "$HUB" <"$T/in" >"$T/out.mp" 2>"$T/hub.err" &
  local hub=$!
  exec 4>"$T/in"
  cat "$T/texts.mp" >&4
  waits_for 1 equant "$T/out.mp"
  run --separate-stderr timeout 20 eq-work "$HUB" -- eq-shard
  echo "$stderr"
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-work: $HUB: the hub refuses this worker: its command, version or options are not those of the first worker: results of two commands would mix" ]
  exec 4>&-
  wait $hub
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/texts.mp")
}

@test "a command that cannot start, or is no filter, says so" {
  texts en >"$T/texts.mp"
  eq-hub --wait 1 "$HUB" -i "$T/texts.mp" >"$T/out.mp" 2>"$T/hub.err" &
  local hub=$!
  run --separate-stderr timeout 20 eq-work "$HUB" -- no-such-command
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-work: no-such-command: run: No such file or directory" ]
  run --separate-stderr timeout 20 eq-work "$HUB" -- eq-token -m no-such-model
  echo "$stderr"
  [ "$status" -eq 2 ]
  [ "$(tail -n 1 <<<"$stderr")" = "eq-work: eq-token ended with status 2" ]
  wait $hub && false || [ $? -eq 2 ]
  cat "$T/hub.err"
  [ "$(tail -n 1 "$T/hub.err")" = "eq-hub: no worker for 1 s: eq-work $HUB -- COMMAND starts one; the last said: eq-token ended with status 2" ]
}

@test "a command that starts and dies before it took a unit is not started again" {
  slow 0 pass >"$T/dies.py"
  sed -i 's/^    out.flush()/&\n    if r.get("k") == "mark": sys.exit(3)/' "$T/dies.py"
  texts en | eq-shard -n 1000 -s 999 >"$T/none.mp"
  mkfifo "$T/in"
  eq-hub --wait 1 "$HUB" <"$T/in" >"$T/out.mp" 2>"$T/hub.err" &
  local hub=$!
  exec 4>"$T/in"
  head -c 200 "$T/none.mp" >&4 # its header, and nothing else
  run --separate-stderr timeout 20 eq-work "$HUB" -- /usr/bin/python3 "$T/dies.py"
  echo "$stderr"
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-work: /usr/bin/python3 ended with status 3" ]
  wait $hub && false || [ $? -eq 2 ]
  exec 4>&-
}

@test "an aggregator as a command is found out" {
  texts en | eq-token -m "$M" | eq-ppl -m "$M" -r none -r int4 >"$T/scores.mp"
  work eq-disparity
  run --separate-stderr timeout 20 eq-hub "$HUB" -i "$T/scores.mp" -o "$T/out.mp"
  echo "$stderr"
  [ "$status" -eq 2 ]
  [[ "$stderr" == *"eq-disparity kept records back behind a mark: it is no filter whose units can be told apart" ]]
  [ ! -e "$T/out.mp" ]
}

@test "no hub and no worker end in time, and say how to start one" {
  run --separate-stderr timeout 20 eq-work --wait 1 "$HUB" -- eq-shard
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-work: $HUB: no hub is there (waited 1 s): eq-hub $HUB starts one" ]
  run --separate-stderr timeout 20 eq-hub --wait 1 "$HUB" -i tests/golden/one.mp
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-hub: no worker for 1 s: eq-work $HUB -- COMMAND starts one" ]
}

@test "a truncated input is worked on, and its result has no trailer" {
  texts en | head -c 2000 >"$T/part.mp"
  work eq-token -m "$M"
  run --separate-stderr timeout 20 eq-hub --ordered "$HUB" -i "$T/part.mp" -o "$T/out.mp"
  [ "$status" -eq 1 ]
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/part.mp" 2>/dev/null)
}

@test "a hub that ends before its time sends its workers away" {
  texts en >"$T/texts.mp"
  mkfifo "$T/in"
  work eq-token -m "$M"
  eq-hub "$HUB" <"$T/in" >"$T/out.mp" 2>"$T/hub.err" &
  local hub=$!
  exec 4>"$T/in"
  head -c 1500 "$T/texts.mp" >&4
  waits_for 1 equant "$T/out.mp"
  head -c 4000 /dev/zero >&4 # no map begins so
  exec 4>&-
  wait $hub && false || [ $? -eq 2 ]
  cat "$T/hub.err"
  wait "$last" && false || [ $? -eq 2 ]
  [ "$(cat "$T/work1.err")" = "eq-work: $HUB: the hub refuses this worker: $(sed 's/^eq-hub: //' "$T/hub.err")" ]
  HUB=ipc://$T/closed
  slow 0.05 pass >"$T/slow.py"
  work /usr/bin/python3 "$T/slow.py"
  eq-hub "$HUB" -i "$T/texts.mp" 2>/dev/null | head -c 10 >/dev/null
  wait "$last" && false || [ $? -eq 2 ]
  grep -q "the hub refuses this worker: the hub's output was closed" "$T/work2.err"
}

@test "what cannot work is refused in a line" {
  refused() {
    run --separate-stderr timeout 20 "${@:2}" </dev/null
    echo "$status: $stderr"
    [ "$status" -eq 2 ]
    [ "$stderr" = "$1" ]
  }
  refused "eq-hub: '': expected the endpoint where workers find it, ipc://PATH or tcp://HOST:PORT" eq-hub
  refused "eq-hub: tcp://*:5555: expected --key FILE (eq-hub --keygen FILE makes one), or --insecure: anybody may then read along and be a worker" eq-hub 'tcp://*:5555'
  refused "eq-hub: --expire: expected seconds, more than 0" eq-hub --expire 0 "$HUB"
  refused "eq-hub: --input: ipc://x: a hub reads a file or a pipe (eq-shard -i ipc://x | eq-hub ...)" eq-hub -i ipc://x "$HUB"
  refused "eq-work: expected the hub's ENDPOINT, -- and a COMMAND: -h shows an example" eq-work "$HUB"
  touch "$T/file"
  refused "eq-hub: ipc://$T/file: there is a file $T/file already, and it is no socket" eq-hub "ipc://$T/file"
  [ -f "$T/file" ]
}

@test "a second hub leaves the first its endpoint" {
  texts en >"$T/texts.mp"
  eq-hub --ordered "$HUB" -i "$T/texts.mp" -o "$T/out.mp" &
  local hub=$!
  sleep 0.3
  run --separate-stderr timeout 20 eq-hub "$HUB" -i "$T/texts.mp"
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-hub: $HUB: another program listens there" ]
  work eq-token -m "$M"
  wait $hub
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/texts.mp")
  all_end_well
}

@test "over tcp, with --insecure" {
  local port=$((20000 + (BASHPID * 7 + BATS_TEST_NUMBER) % 12000))
  HUB=tcp://127.0.0.1:$port
  texts en >"$T/texts.mp"
  work_options=(--insecure)
  work eq-token -m "$M"
  eq-hub --insecure --ordered "tcp://127.0.0.1:$port" -i "$T/texts.mp" -o "$T/out.mp"
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/texts.mp")
  all_end_well
}

@test "a hub that is killed again and again goes on from its journal" {
  slow 0.01 pass >"$T/slow.py"
  texts en,de,he >"$T/texts.mp"
  work /usr/bin/python3 "$T/slow.py"
  work /usr/bin/python3 "$T/slow.py"
  local bytes
  for bytes in 4000 10000 18000; do
    eq-hub --resume "$T/journal" --expire 2 "$HUB" -i "$T/texts.mp" -o "$T/out.mp" 2>/dev/null &
    local hub=$!
    until [ -e "$T/journal" ] && [ "$(stat -c %s "$T/journal")" -gt $bytes ]; do sleep 0.02; done
    kill -9 $hub
    wait $hub || true
    [ ! -e "$T/out.mp" ]
    truncate -s -3 "$T/journal" # and its last write was torn
  done
  eq-hub -v --resume "$T/journal" --expire 2 "$HUB" -i "$T/texts.mp" -o "$T/out.mp" 2>"$T/hub.err"
  cat "$T/hub.err"
  cmp <(eq-show -f jsonl -i "$T/texts.mp") <(eq-show -f jsonl -i "$T/out.mp")
  local found
  found=$(sed -n 's/.*journal: \([0-9]*\) units are there/\1/p' "$T/hub.err")
  [ "$found" -ge 40 ]
  # a whole journal needs no worker
  eq-hub --resume "$T/journal" --wait 1 "$HUB" -i "$T/texts.mp" -o "$T/again.mp"
  cmp "$T/out.mp" "$T/again.mp"
}

@test "a worker whose hub died behind its END works for the next" {
  {
    slow 0 pass
    echo "
import os
if not os.path.exists('$T/ended'): open('$T/ended', 'w'); time.sleep(20)"
  } >"$T/lingers.py"
  texts en 20 >"$T/texts.mp"
  work /usr/bin/python3 "$T/lingers.py"
  eq-hub --resume "$T/journal" "$HUB" -i "$T/texts.mp" -o "$T/out.mp" &
  local hub=$!
  until [ -e "$T/ended" ]; do sleep 0.02; done
  kill -9 $hub
  wait $hub || true
  truncate -s 2000 "$T/journal"
  timeout 15 eq-hub --resume "$T/journal" "$HUB" -i "$T/texts.mp" -o "$T/out.mp"
  cmp <(eq-show -f jsonl -i "$T/texts.mp") <(eq-show -f jsonl -i "$T/out.mp")
  all_end_well
}

@test "a journal of other records, of another command or of another kind is refused, and left as it is" {
  texts en 20 >"$T/texts.mp"
  work eq-token -m "$M"
  eq-hub --resume "$T/journal" "$HUB" -i "$T/texts.mp" -o "$T/out.mp"
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/texts.mp")
  cp "$T/journal" "$T/kept"
  refused() {
    run --separate-stderr timeout 20 "${@:2}"
    echo "$status: $stderr"
    [ "$status" -eq 2 ] && [ "$stderr" = "$1" ] && cmp "$T/journal" "$T/kept"
  }
  texts de 20 >"$T/other.mp"
  refused "eq-hub: $T/journal: is stale: record 1 of the input is not the one that its result was made of" \
    eq-hub --resume "$T/journal" "$HUB" -i "$T/other.mp"
  texts en 10 >"$T/fewer.mp"
  refused "eq-hub: $T/journal: is stale: it has results of 20 units, the input has 10" \
    eq-hub --resume "$T/journal" "$HUB" -i "$T/fewer.mp"
  refused "eq-hub: $T/out.mp: is a whole stream, and no journal of eq-hub: it is left as it is" \
    eq-hub --resume "$T/out.mp" "$HUB" -i "$T/texts.mp"
  cmp "$T/out.mp" <(eq-token -m "$M" -i "$T/texts.mp")
  head -c 2000 "$T/out.mp" >"$T/part.mp"
  cp "$T/part.mp" "$T/part.kept"
  refused "eq-hub: $T/part.mp: has records without a mark, and is no journal of eq-hub: it is left as it is" \
    eq-hub --resume "$T/part.mp" "$HUB" -i "$T/texts.mp"
  cmp "$T/part.mp" "$T/part.kept"
  texts en 30 >"$T/more.mp"
  work eq-shard
  refused "eq-hub: $T/journal: is stale: its results were made by another command, version or options" \
    eq-hub -q --resume "$T/journal" "$HUB" -i "$T/more.mp"
}
