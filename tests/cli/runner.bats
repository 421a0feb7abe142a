# tests/run counts rightly: a suite may pass, fail, skip, crash, stop early or hang, and none of it gets lost.

setup() {
  mkdir -p "$BATS_TEST_TMPDIR"/{tests/unit,tests/cli,build/unit}
  cd "$BATS_TEST_TMPDIR" || return
  cp "$BATS_TEST_DIRNAME/../run" tests/run
}

# suite NAME: the shell program on stdin stands in for a cmocka program.
suite() {
  : >"tests/unit/$1.c"
  { echo '#!/bin/bash'; cat; } >"build/unit/$1"
  chmod +x "build/unit/$1"
}

last_line_is() { [ "${lines[-1]}" = "$1" ]; }

@test "passed, failed and skipped are counted, and a failure fails the run" {
  suite mixed <<<'echo 1..4; echo ok 1 - a; echo loud; echo not ok 2 - b; echo "# 1 != 2"; echo not ok 3 "# SKIP c"; echo ok 4 - d; exit 1'
  run tests/run --build build
  [ "$status" -eq 1 ]
  last_line_is '2 passed, 1 failed, 1 skipped'
  [[ "$output" == *'FAILED  b'*loud*'# 1 != 2'* ]]
}

@test "bats files count beside unit programs" {
  suite good <<<'echo 1..1; echo ok 1 - a'
  printf '@test "x" { true; }\n@test "y" { skip "no data"; }\n' >tests/cli/z.bats
  run tests/run --build build
  [ "$status" -eq 0 ]
  last_line_is '2 passed, 0 failed, 1 skipped'
}

@test "a crash is a failed test" {
  suite crash <<<'echo 1..2; echo ok 1 - a; kill -SEGV $$'
  run tests/run --build build
  [ "$status" -eq 1 ]
  last_line_is '1 passed, 1 failed, 0 skipped'
}

@test "a suite that ends before its plan with status 0 has failed" {
  suite short <<<'echo 1..2; echo ok 1 - a'
  run tests/run --build build
  [ "$status" -eq 1 ]
  last_line_is '1 passed, 1 failed, 0 skipped'
}

@test "a suite that hangs is stopped and has failed" {
  suite hang <<<'echo 1..1; sleep 100'
  run tests/run --build build --timeout 1
  [ "$status" -eq 1 ]
  last_line_is '0 passed, 1 failed, 0 skipped'
}

@test "a sanitizer report fails the suite though every test passed" {
  suite leaky <<<'echo 1..1; (exec -a child bash -c "echo leak >${ASAN_OPTIONS##*log_path=}.7"); echo ok 1 - a'
  run tests/run --build build
  [ "$status" -eq 1 ]
  last_line_is '1 passed, 1 failed, 0 skipped'
}

@test "no tests at all are not a success" {
  run tests/run --build build
  [ "$status" -eq 1 ]
  last_line_is '0 passed, 0 failed, 0 skipped'
}

@test "a suite gets a folder of its own that is gone afterwards" {
  suite folder <<<'echo 1..1; : >"$TMPDIR/x"; echo "$TMPDIR" >where; echo ok 1 - a'
  tests/run --build build
  [ ! -e "$(cat where)" ]
}

@test "only the suites that are named run" {
  suite one <<<'echo 1..1; echo ok 1 - a'
  suite two <<<'echo 1..1; echo not ok 1 - a; exit 1'
  tests/run --build build one
  run tests/run --build build three
  [ "$status" -ne 0 ]
}
