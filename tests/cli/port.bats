# Where streams come from and go to: files, devices, broken pipes, ZeroMQ. eq-shard passes a stream on unchanged.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a subshell
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  T=$BATS_TEST_TMPDIR
  ONE=tests/golden/one.mp
  port=$((20000 + (BASHPID * 7 + BATS_TEST_NUMBER) % 12000))
}

# records N: a stream of so many small records.
records() { seq "$1" | sed 's/.*/{"k":"text","lang":"en","id":"&","text":"a small record"}/' | eq-show --from jsonl -f stream; }

# fails STATUS MESSAGE COMMAND...: the command ends with that status and just that line.
fails() {
  local status_wanted=$1 line=$2
  run --separate-stderr timeout 20 "${@:3}"
  echo "status $status: $stderr"
  [ "$status" -eq "$status_wanted" ]
  [ "$stderr" = "$line" ]
}

@test "a full disk is one line and status 2" {
  fails 2 "eq-shard: stdout: write: No space left on device" bash -c "eq-shard -i $ONE >/dev/full"
  fails 2 "eq-shard: /dev/full: write: No space left on device" eq-shard -i "$ONE" -o /dev/full
  fails 2 "eq-show: stdout: write: No space left on device" bash -c "eq-show -i $ONE >/dev/full"
  fails 2 "eq-show: stdout: write: No space left on device" bash -c "eq-show -h >/dev/full"
}

@test "a closed stdout or stdin is one line and status 2, whatever files are open" {
  fails 2 "eq-shard: stdout: write: Bad file descriptor" bash -c "eq-shard -i $ONE >&-"
  fails 2 "eq-shard: stdin: read: Bad file descriptor" bash -c "eq-shard <&-"
}

@test "a reader that leaves early ends a pipeline quietly" {
  records 100000 >"$T/many.mp"
  run --separate-stderr bash -c "set -o pipefail; eq-shard -i '$T/many.mp' | eq-shard | head -c 100 >/dev/null"
  [ "$status" -eq 0 ]
  [ -z "$stderr" ]
}

@test "a device is written to, not replaced" {
  eq-shard -i "$ONE" -o /dev/null
  [ -c /dev/null ]
  mkfifo "$T/fifo"
  eq-shard -i "$ONE" -o "$T/fifo" &
  eq-shard -i "$T/fifo" -o "$T/out.mp"
  [ -p "$T/fifo" ]
  eq-show -i "$T/out.mp" >/dev/null
}

@test "a file appears whole: not from garbage, and without a trailer from a truncated stream" {
  mkdir "$T/d"
  fails 2 'eq-shard: stdin: is not an equant stream: the first object is not a map, expected a header {"equant": 1, ...} (eq-show --from jsonl reads JSON lines)' \
    bash -c "echo '{}' | eq-shard -o '$T/d/none.mp'"
  [ -z "$(ls "$T/d")" ]
  run bash -c "head -c 200 $ONE | eq-shard -o '$T/d/part.mp'"
  [ "$status" -eq 1 ]
  [ "$(ls "$T/d")" = part.mp ]
  run --separate-stderr eq-show -f jsonl -i "$T/d/part.mp"
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 2 ]
}

@test "a file that stdout is already, and one behind a symbolic link, are not swapped for another" {
  (echo before && eq-shard -i "$ONE" -o /dev/stdout && echo after) >>"$T/log"
  [ "$(head -n 1 "$T/log")" = before ]
  [ "$(tail -c 6 "$T/log")" = after ]
  [ -L /dev/stdout ]
  echo old >"$T/target"
  ln -s target "$T/link"
  eq-shard -i "$ONE" -o "$T/link"
  [ "$(readlink "$T/link")" = target ]
  cmp "$T/target" <(eq-shard -i "$ONE")
}

@test "a program that is killed leaves no part of a file" {
  python3 -c 'import os, sys; os.open(sys.argv[1], os.O_TMPFILE | os.O_WRONLY)' "$T" || skip "no O_TMPFILE here"
  mkdir "$T/d"
  mkfifo "$T/in"
  eq-shard -i "$T/in" -o "$T/d/out.mp" &
  local pid=$!
  exec 4>"$T/in"
  head -c 300 "$ONE" >&4
  sleep 0.3
  kill -TERM $pid
  exec 4>&-
  wait $pid || true
  [ -z "$(ls -A "$T/d")" ]
}

@test "a file takes another's place, and its mode is what umask says" {
  cp "$ONE" "$T/out.mp"
  chmod 600 "$T/out.mp"
  (umask 027 && eq-shard -i "$ONE" -o "$T/out.mp")
  [ "$(stat -c %a "$T/out.mp")" = 640 ]
  cmp "$T/out.mp" <(eq-shard -i "$ONE")
  [ "$(ls "$T")" = out.mp ]
}

@test "a slow stream is not held back" {
  mkfifo "$T/in"
  eq-shard -i "$T/in" >"$T/out.mp" &
  exec 4>"$T/in"
  records 100 >"$T/all.mp"
  head -c 300 "$T/all.mp" >&4
  sleep 0.3
  tail -c +301 "$T/all.mp" | head -c 60 >&4
  sleep 0.3
  [ "$(eq-show -f jsonl -i "$T/out.mp" 2>/dev/null | wc -l)" -ge 4 ]
  exec 4>&-
  wait || true
}

@test "garbage behind records hands on the records, and no trailer" {
  run --separate-stderr bash -c "(head -c -40 $ONE; printf '\xdf\xff\xff\xff\xff') | eq-shard >'$T/out.mp'"
  [ "$status" -eq 2 ]
  run --separate-stderr eq-show -f jsonl -i "$T/out.mp"
  [ "$status" -eq 1 ]
}

@test "what cannot be opened is named" {
  fails 2 "eq-shard: $T/no.mp: open: No such file or directory" eq-shard -i "$T/no.mp"
  fails 2 "eq-shard: $T: is a folder, expected a file" eq-shard -i "$ONE" -o "$T"
  fails 2 "eq-shard: tcp://*:$port?sender=2: 'sender=2' is no parameter: there are senders=N and wait=SECONDS" eq-shard -i "tcp://*:$port?sender=2"
  fails 2 "eq-shard: tcp://*:$port?senders=0: 'senders=0': expected a whole number from 1 to 4096" eq-shard -i "tcp://*:$port?senders=0"
}

@test "records go through a pipe, written and read, at the speed of a stream" {
  [ "${EQ_SAN:-0}" = 0 ] || skip "sanitizers take their time"
  records 400000 >"$T/many.mp"
  eq-shard -v -i "$T/many.mp" | eq-shard -v -o /dev/null 2>"$T/time"
  cat "$T/time" # 0.4 s of CPU is what `make bench` holds us to; a slow machine that is busy too has 1 s
  awk '$5 == "CPU" || $6 == "CPU" { for (i = 1; i <= NF; i++) if ($i == "CPU") exit !($(i - 2) < 1) }' <(tr -d , <"$T/time")
}

@test "text does not go over ZeroMQ" {
  fails 2 "eq-show: --output: tcp://127.0.0.1:$port: text goes to a file; only streams go over ZeroMQ" \
    eq-show -i "$ONE" -o "tcp://127.0.0.1:$port"
}

# ---- ZeroMQ ----

@test "tcp gives the bytes of a pipe, whoever binds and whoever comes first" {
  eq-shard -i "$ONE" | eq-shard >"$T/pipe.mp"
  eq-shard -i "tcp://*:$port" -o "$T/tcp.mp" &
  eq-shard -i "$ONE" -o "tcp://127.0.0.1:$port"
  wait $!
  cmp "$T/pipe.mp" "$T/tcp.mp"
  eq-shard -i "$ONE" -o "tcp://*:$((port + 1))" &
  sleep 0.3
  eq-shard -i "tcp://127.0.0.1:$((port + 1))" -o "$T/tcp2.mp"
  wait $!
  cmp "$T/pipe.mp" "$T/tcp2.mp"
}

@test "two senders to one slow receiver lose nothing" {
  local senders=()
  records 100000 >"$T/many.mp"
  mkfifo "$T/slow"
  eq-shard -i "ipc://*$T/s?senders=2" -o "$T/slow" &
  (sleep 1 && cat >"$T/out.mp") <"$T/slow" & # until then the pipe is full, and the receiver reads no more
  for s in 0 1; do
    eq-shard -n 2 -s $s -i "$T/many.mp" -o "ipc://$T/s" &
    senders+=($!)
  done
  wait "${senders[0]}"
  wait "${senders[1]}"
  wait
  eq-show -f stream --bare -s id -k text -i "$T/out.mp" -o "$T/got.mp"
  cmp "$T/got.mp" <(eq-show -f stream --bare -s id -i "$T/many.mp")
}

@test "a killed sender is a truncated stream, not a wait" {
  eq-shard -i "tcp://*:$port" -o "$T/out.mp" 2>"$T/err" &
  local receiver=$! sender
  mkfifo "$T/in"
  eq-shard -i "$T/in" -o "tcp://127.0.0.1:$port" &
  sender=$!
  exec 4>"$T/in"
  records 20000 | head -c 500000 >&4
  sleep 0.5
  kill -KILL $sender
  exec 4>&-
  run wait $receiver
  timeout 5 tail --pid=$receiver -f /dev/null
  grep -qE "stream ends after [0-9,]+ records without its trailer" "$T/err"
  [ "$(eq-show -f jsonl -i "$T/out.mp" 2>/dev/null | wc -l)" -gt 1000 ]
}

@test "a killed receiver is an error of the sender" {
  records 400000 >"$T/many.mp"
  mkfifo "$T/stuck"
  eq-shard -i "tcp://*:$port" -o "$T/stuck" &
  local receiver=$!
  exec 4<>"$T/stuck"
  (sleep 4 && kill -KILL $receiver) & # once the sender has begun, on a slow machine too
  run --separate-stderr timeout 20 eq-shard -i "$T/many.mp" -o "tcp://127.0.0.1:$port"
  exec 4<&-
  [ "$status" -eq 2 ]
  [[ "$stderr" == "eq-shard: tcp://127.0.0.1:$port: the receiver has gone; it took "*" frames" ]]
}

@test "a sender with nobody to listen gives up" {
  fails 2 "eq-shard: tcp://127.0.0.1:$port?wait=1: nobody listens there (waited 1 s; the parameter ?wait=SECONDS changes that)" \
    eq-shard -i "$ONE" -o "tcp://127.0.0.1:$port?wait=1"
  fails 2 "eq-shard: tcp://*:$port?wait=1: nobody sends (waited 1 s)" eq-shard -i "tcp://*:$port?wait=1"
}

@test "a receiver with wait=S does not wait longer for its second sender either" {
  eq-shard -i "tcp://*:$port?senders=2&wait=2" -o "$T/out.mp" 2>"$T/err" &
  local receiver=$!
  eq-shard -i "$ONE" -o "tcp://127.0.0.1:$port"
  timeout 10 tail --pid=$receiver -f /dev/null
  [ "$(cat "$T/err")" = "eq-shard: tcp://*:$port?senders=2&wait=2: nobody sends (waited 2 s)" ]
}

# listening: waits until somebody does. (Such a look is ignored by who listens.)
listening() {
  for _ in {1..50}; do
    (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  return 1
}

@test "bytes that are not ZeroMQ, however few, end a receiver with one line" {
  local garbage
  for garbage in 'GET / HTTP/1.0\r\n\r\nmore than a greeting has, so that it is looked at\r\n' 'x\n'; do
    eq-shard -i "tcp://*:$port" -o "$T/out.mp" 2>"$T/err" &
    local receiver=$!
    listening
    # shellcheck disable=SC2059 # garbage is a format
    (printf "$garbage" >"/dev/tcp/127.0.0.1/$port") || true # SIGPIPE: it has hung up already
    timeout 5 tail --pid=$receiver -f /dev/null
    [ "$(wc -l <"$T/err")" -eq 1 ]
    grep -q "expected the frames of an equant sender" "$T/err"
    [ ! -e "$T/out.mp" ]
    port=$((port + 1))
  done
}

@test "who connects and says nothing is ignored, hung up or not" {
  records 100 >"$T/in.mp"
  eq-shard -i "tcp://*:$port?senders=2" -o "$T/out.mp" 2>"$T/err" &
  local receiver=$!
  listening
  for _ in 1 2 3; do
    exec 5<>"/dev/tcp/127.0.0.1/$port"
    exec 5>&-
  done
  exec 5<>"/dev/tcp/127.0.0.1/$port"
  eq-shard -n 2 -s 0 -i "$T/in.mp" -o "tcp://127.0.0.1:$port"
  sleep 0.5 # the first sender's end must be seen as that
  eq-shard -n 2 -s 1 -i "$T/in.mp" -o "tcp://127.0.0.1:$port"
  timeout 5 tail --pid=$receiver -f /dev/null
  exec 5>&-
  cat "$T/err"
  [ ! -s "$T/err" ]
  cmp <(eq-show --bare -f stream -s lang,id -i "$T/out.mp") <(eq-show --bare -f stream -s lang,id -i "$T/in.mp")
}

@test "an ipc endpoint never takes a file's place" {
  echo precious >"$T/results"
  fails 2 "eq-shard: ipc://*$T/results: there is a file $T/results already, and it is no socket" \
    eq-shard -i "ipc://*$T/results"
  [ "$(cat "$T/results")" = precious ]
}

# says TYPE TEXT: connects a ZeroMQ socket of that type (PUSH 8, DEALER 5, REQ 3) and sends one message.
says() {
  python3 - "$@" "tcp://127.0.0.1:$port" <<'END'
import ctypes, sys, time
zmq = ctypes.CDLL("libzmq.so.5")
zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
socket = ctypes.c_void_p(zmq.zmq_socket(ctypes.c_void_p(zmq.zmq_ctx_new()), int(sys.argv[1])))
text = sys.argv[2].encode()
assert zmq.zmq_connect(socket, sys.argv[3].encode()) == 0
zmq.zmq_send(socket, text, len(text), 1)
time.sleep(0.7)
END
}

@test "ZeroMQ messages that are no frames, and sockets of other types, end a receiver with one line" {
  for type in 3 5 8; do # a PUSH socket may hang up before it has said what it is, so it comes more than once
    eq-shard -i "tcp://*:$port" -o "$T/out.mp" 2>"$T/err" &
    local receiver=$!
    for _ in 1 2 3 4 5; do
      ! kill -0 $receiver 2>/dev/null || says $type "EQF1 and garbage, longer than the head of a frame"
    done
    timeout 5 tail --pid=$receiver -f /dev/null
    [ "$(wc -l <"$T/err")" -eq 1 ]
    grep -q "expected the frames of an equant sender" "$T/err"
    [ ! -e "$T/out.mp" ]
    port=$((port + 1))
  done
}

@test "a sender too many is refused" {
  eq-shard -i "tcp://*:$port" -o "$T/out.mp" 2>"$T/err" &
  local receiver=$!
  mkfifo "$T/in"
  eq-shard -i "$T/in" -o "tcp://127.0.0.1:$port" 2>/dev/null &
  exec 4>"$T/in"
  records 5000 >&4
  sleep 0.5
  run eq-shard -i "$ONE" -o "tcp://127.0.0.1:$port"
  [ "$status" -eq 2 ]
  exec 4>&-
  timeout 5 tail --pid=$receiver -f /dev/null
  grep -q "one sender too many: expected 1 (the parameter ?senders=N says how many)" "$T/err"
}

@test "eq-token to eq-ppl over tcp gives the bytes of a pipe" {
  eq-text -c corpora/udhr -l en,he -n 3 -o "$T/text.mp"
  eq-token -m corpora/mini -i "$T/text.mp" | eq-ppl -q -m corpora/mini -r none >"$T/pipe.mp"
  eq-ppl -q -m corpora/mini -r none -i "tcp://*:$port" -o "$T/tcp.mp" &
  eq-token -m corpora/mini -i "$T/text.mp" -o "tcp://127.0.0.1:$port"
  wait $!
  cmp "$T/pipe.mp" "$T/tcp.mp"
}
