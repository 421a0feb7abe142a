# eq-hub and eq-work over tcp with keys: who has the right one works, nobody else does, and nobody reads along.
# shellcheck disable=SC2154,SC2030,SC2031 # bats assigns stderr, and runs each test in a subshell
bats_require_minimum_version 1.5.0

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  T=$BATS_TEST_TMPDIR
  PORT=$((20000 + (BASHPID * 7 + BATS_TEST_NUMBER) % 12000))
  HUB=tcp://127.0.0.1:$PORT
  TEXTS=$BATS_FILE_TMPDIR/texts.mp
  K=$BATS_FILE_TMPDIR
}

setup_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return
  eq-text -c corpora/udhr -l en -o "$BATS_FILE_TMPDIR/texts.mp"
  local name
  for name in hub worker stranger; do eq-hub -q --keygen "$BATS_FILE_TMPDIR/$name"; done
}

teardown() {
  local pid
  for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
}

# hub OPTION...: in the background, $hub.
hub() {
  eq-hub --ordered --wait 20 "$@" "$HUB" -i "$TEXTS" -o "$T/out.mp" 2>"$T/hub.err" &
  hub=$!
}

work() { timeout 20 eq-work "$@" "$HUB" -- eq-shard; }

# refused LINE COMMAND...: at once.
refused() {
  run --separate-stderr timeout 15 "${@:2}" </dev/null
  echo "$status: $stderr"
  [ "$status" -eq 2 ] && [ "$stderr" = "$1" ]
}

@test "a key is a secret file and a public one, and replaces nothing" {
  run --separate-stderr eq-hub --keygen "$T/key"
  [ "$status" -eq 0 ]
  [ -z "$output" ]
  [ "$stderr" = "eq-hub: $T/key is secret: for this hub, and workers that share it; $T/key.pub is for others to know it by" ]
  [ "$(stat -c %a "$T/key")" = 600 ]
  [ "$(head -n 1 "$T/key")" = "$(cat "$T/key.pub")" ]
  ! grep -q secret "$T/key.pub" || false
  refused "eq-hub: $T/key: make: File exists" eq-hub --keygen "$T/key"
  touch "$T/other.pub"
  refused "eq-hub: $T/other.pub: make: File exists" eq-hub --keygen "$T/other"
  [ ! -e "$T/other" ]
}

@test "who shares the hub's key works for it" {
  hub --key "$K/hub"
  work --key "$K/hub"
  wait $hub
  cmp "$TEXTS" "$T/out.mp"
}

@test "a worker with a key of its own is let in when its hub knows it, and strangers are told" {
  cat "$K/stranger.pub" "$K/worker.pub" >"$T/workers"
  hub --key "$K/hub" --worker-keys "$K/worker.pub"
  refused "eq-work: $HUB: the hub does not let in who has this key" \
    eq-work --key "$K/stranger" --hub-key "$K/hub.pub" "$HUB" -- eq-shard
  refused "eq-work: $HUB: the hub does not let in who has this key" eq-work --key "$K/hub" "$HUB" -- eq-shard
  work --key "$K/worker" --hub-key "$K/hub.pub"
  wait $hub
  cmp "$TEXTS" "$T/out.mp"
  [ "$(cat "$T/hub.err")" = "eq-hub: somebody whose key is not among the workers' was not let in" ]
  hub --key "$K/hub" --worker-keys "$T/workers"
  work --key "$K/worker" --hub-key "$K/hub.pub"
  wait $hub
}

@test "a worker works for no other hub, and with no hub without keys" {
  local words="no handshake succeeds there: is the hub's key another, or does one of both have none?"
  hub --key "$K/stranger"
  refused "eq-work: $HUB: $words" eq-work --key "$K/hub" "$HUB" -- eq-shard
  refused "eq-work: $HUB: $words" eq-work --insecure "$HUB" -- eq-shard
  work --key "$K/stranger"
  wait $hub
  cmp "$TEXTS" "$T/out.mp"
  hub --insecure
  refused "eq-work: $HUB: $words" eq-work --key "$K/hub" "$HUB" -- eq-shard
  work --insecure
  wait $hub
}

# A proxy that keeps what passes through it.
@test "what is on the wire tells nothing" {
  cat >"$T/proxy.py" <<END
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", $((PORT + 1))))
seen = open(sys.argv[1], "wb", buffering=0)
def pass_on(a, b):
    while data := a.recv(65536):
        seen.write(data)
        b.sendall(data)
    b.close()
while True:
    near, _ = listener.accept()
    far = socket.create_connection(("127.0.0.1", $PORT))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
END
  local how options
  for how in insecure secure; do
    options=(--key "$K/hub")
    [ $how = secure ] || options=(--insecure)
    hub "${options[@]}"
    python3 "$T/proxy.py" "$T/$how" 3>&- &
    sleep 0.5
    timeout 20 eq-work "${options[@]}" "tcp://127.0.0.1:$((PORT + 1))" -- eq-shard
    wait $hub
    cmp "$TEXTS" "$T/out.mp"
    kill -9 %% 2>/dev/null || true
    PORT=$((PORT + 2)) HUB=tcp://127.0.0.1:$PORT
    sed -i "s/$((PORT - 1))/$((PORT + 1))/; s/$((PORT - 2))/$PORT/" "$T/proxy.py"
  done
  grep -q 'Everyone has the right to life' "$T/insecure"
  ! grep -q 'Everyone\|eq-shard\|udhr' "$T/secure" || false
  [ "$(stat -c %s "$T/secure")" -gt "$(stat -c %s "$TEXTS")" ]
}

@test "keys that are no good, and tcp without any, are refused in a line" {
  head -n 1 "$K/hub" >"$T/half"
  { head -n 1 "$K/hub" && tail -n 1 "$K/worker"; } >"$T/mixed"
  echo 'equant-public-key tooshort' >"$T/short"
  head -c 300 /dev/urandom >"$T/noise"
  sed 's/key .../key ~~~/' "$K/hub.pub" >"$T/letters"
  cp "$K/hub" "$T/open"
  : >"$T/empty"
  cat "$K/hub.pub" "$K/worker.pub" >"$T/two"
  chmod 600 "$T"/*
  chmod 640 "$T/open"
  refused "eq-hub: $T/open: others may read or write this secret key (mode 0640): chmod 600, or make another" eq-hub --key "$T/open" "$HUB"
  refused "eq-hub: $T/half: holds a public key only: expected the file of the pair" eq-hub --key "$T/half" "$HUB"
  refused "eq-hub: $T/mixed: its public and its secret key are not of one pair" eq-hub --key "$T/mixed" "$HUB"
  refused "eq-hub: $T/short: line 1: its key is not 40 characters of Z85" eq-hub --key "$T/short" "$HUB"
  refused "eq-hub: $T/letters: line 1: its key is not 40 characters of Z85" eq-hub --key "$K/hub" --worker-keys "$T/letters" "$HUB"
  refused "eq-hub: $T/empty: line 0: expected 'equant-public-key KEY', as eq-hub --keygen writes it" eq-hub --key "$T/empty" "$HUB"
  refused "eq-hub: $T/empty: holds no key" eq-hub --key "$K/hub" --worker-keys "$T/empty" "$HUB"
  refused "eq-hub: $K/hub: line 2 is a secret key, which nobody else should have: expected FILE.pub" eq-hub --key "$K/hub" --worker-keys "$K/hub" "$HUB"
  refused "eq-work: $T/two: holds 2 keys, expected the hub's alone" eq-work --key "$K/worker" --hub-key "$T/two" "$HUB" -- cat
  refused "eq-work: $T/none: open: No such file or directory" eq-work --key "$T/none" "$HUB" -- cat
  refused "eq-work: $HUB: expected --key FILE, the hub's or one that it lets in (or --insecure, as the hub)" eq-work "$HUB" -- cat
  refused "eq-hub: $HUB: expected --key FILE (eq-hub --keygen FILE makes one), or --insecure: anybody may then read along and be a worker" eq-hub "$HUB"
  refused "eq-hub: --insecure is tcp without --key: leave out one of them" eq-hub --insecure --key "$K/hub" "$HUB"
  refused "eq-hub: --worker-keys goes with --key, the hub's own" eq-hub --worker-keys "$K/hub.pub" --insecure "$HUB"
  refused "eq-work: --hub-key goes with --key, the worker's own" eq-work --hub-key "$K/hub.pub" "$HUB" -- cat
  run timeout 10 eq-hub --key "$T/noise" "$HUB" </dev/null
  [ "$status" -eq 2 ]
}
