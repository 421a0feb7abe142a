# `make floors`: the rooms include only what stands below them.

setup() {
  mkdir -p "$BATS_TEST_TMPDIR"/{lib/base,lib/text,lib/model,lib/tool,kernels/ref,tools}
  cd "$BATS_TEST_TMPDIR" || return
}

floors() { "$BATS_TEST_DIRNAME/../floors" "$@"; }

@test "the tree keeps to its floors" {
  floors
}

@test "a room may include what stands below it" {
  echo '#include "lib/base/error.h"' >lib/text/bpe.c
  echo '#include "kernels/kernels.h"' >lib/model/forward.c
  echo '#include "lib/model/forward.h"' >tools/eq-x.c
  floors .
}

@test "an include of a higher floor is named with file and line" {
  printf '#include <stdio.h>\n#include "lib/model/forward.h"\n' >lib/base/error.c
  run floors .
  [ "$status" -eq 1 ]
  [ "${lines[0]}" = 'lib/base/error.c:2: lib/base may not include "lib/model/forward.h": lib/model does not stand below it' ]
}

@test "rooms that stand side by side may not include each other" {
  echo '#  include "lib/text/bpe.h"' >kernels/ref/gemm.c
  run floors .
  [ "$status" -eq 1 ]
  [[ "${lines[0]}" == kernels/ref/gemm.c:1:* ]]
}

@test "no room of the library includes the room that prints and exits" {
  echo '#include "lib/tool/tool.h"' >lib/model/forward.h
  run floors .
  [ "$status" -eq 1 ]
}

@test "an include that does not start at the root of the tree is refused" {
  echo '#include "error.h"' >lib/base/error.c
  run floors .
  [ "$status" -eq 1 ]
  [[ "${lines[0]}" == lib/base/error.c:1:* ]]
}

@test "a room that has no floor is refused" {
  mkdir lib/attic
  echo '#include "lib/base/error.h"' >lib/attic/a.c
  run floors .
  [ "$status" -eq 1 ]
}
