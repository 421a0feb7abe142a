# `make install` puts down what a program and a person need.

setup_file() {
  export DEST=$BATS_FILE_TMPDIR/dest
  make -s install BUILD="$EQ_BUILD" CC="$EQ_CC" SAN="$EQ_SAN" DESTDIR="$DEST" DEPS=0
}

@test "tools, pages, the language table and the library are installed" {
  for tool in tools/eq*.c; do
    name=$(basename "$tool" .c)
    [ -x "$DEST/usr/local/bin/$name" ]
    [ -f "$DEST/usr/local/share/man/man1/$name.1" ]
  done
  cmp corpora/languages.tsv "$DEST/usr/local/share/equant/languages.tsv"
  [ -f "$DEST/usr/local/lib/libequant.a" ]
}

@test "a program of ten lines builds against equant.pc" {
  [ "$EQ_SAN" = 0 ] || skip "the library is built with sanitizers"
  cat >"$BATS_TEST_TMPDIR/draw.c" <<'C'
#include <stdio.h>

#include "lib/base/random.h"
#include "lib/tool/tool.h"

int main(void) {
  return printf("%s %.3f\n", EQ_VERSION, eq_random_f64(1, 2, 3)) < 0;
}
C
  export PKG_CONFIG_PATH=$DEST/usr/local/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$DEST
  read -ra flags <<<"$(pkg-config --cflags --libs equant)"
  cd "$BATS_TEST_TMPDIR"
  "$EQ_CC" -Wall -Werror draw.c "${flags[@]}" -o draw
  [ "$(./draw | cut -d' ' -f1)" = "$(pkg-config --modversion equant)" ]
}

@test "one source can include every header" {
  cd "$DEST/usr/local/include/equant"
  find . -name '*.h' -printf '#include "%P"\n' | sort >"$BATS_TEST_TMPDIR/all.c"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/all.c")" -gt 80 ]
  "$EQ_CC" -std=c11 -D_GNU_SOURCE -Wall -Werror -I. -fsyntax-only "$BATS_TEST_TMPDIR/all.c"
}
