import type { FailureCategory } from '@copr/contract/failure'

/** A build that fails, and what the page of the build must say about it. */
export interface FailingCase {
  category: FailureCategory
  /** Matches the first error: the first matching line of the log is expected. Default: the line where the build ended is expected. */
  error?: RegExp
  /** The section that fails; null if none was running. */
  section: string | null
  /** The category that the engine knows by itself, without the log. */
  known?: FailureCategory
  /** Lines of the preamble, such as BuildRequires. */
  head?: string
  prep?: string
  build?: string
  install?: string
  check?: string
  files?: string
  /** Other sections, before %files. */
  more?: string
  /** Text files among the sources. */
  sources?: Record<string, string>
  timeout_seconds?: number
  limits?: { max_log_bytes?: number; max_disk_bytes?: number; max_result_bytes?: number }
  memory_bytes?: number
  /** URL of a repository of the project. */
  repo?: string
  /** URL of the chroot's repository, instead of the mini distribution's. */
  chroot_repo?: string
}

const NEEDS = (...names: string[]): string =>
  names.map((name) => `BuildRequires: ${name}`).join('\n')
const FILE = (name: string, ...lines: string[]): string =>
  `cat >${name} <<'END'\n${lines.join('\n')}\nEND\n`
const MAKEFILE = (...lines: string[]): string => FILE('Makefile', ...lines)
const C = (...lines: string[]): string => FILE('hello.c', ...lines)
const MAIN = 'int main(void) { return 0; }'

export const CASES: Record<string, FailingCase> = {
  // Compilers
  'gcc-undeclared': {
    category: 'compile',
    section: '%build',
    error: /hello\.c:2:10: error: /,
    build:
      C('int main(void) {', '  return undeclared_thing;', '}') +
      MAKEFILE(
        'all: hello',
        'hello: hello.c',
        '\tgcc -O2 -Wall -Werror=format-security -o hello hello.c',
      ) +
      'make -j2',
  },
  'gcc-missing-header': {
    category: 'dependency',
    section: '%build',
    error: /fatal error: zfoo\/zfoo\.h: /,
    build: C('#include <stdio.h>', '#include <zfoo/zfoo.h>', MAIN) + 'gcc -c hello.c',
  },
  'gcc-own-header': {
    category: 'compile',
    section: '%build',
    error: /fatal error: generated\.h: /,
    build: C('#include "generated.h"', MAIN) + 'gcc -c hello.c',
  },
  'gcc-many-warnings': {
    category: 'compile',
    section: '%build',
    error: /hello\.c:41:\d+: error: /,
    build:
      C(
        ...Array.from(
          { length: 40 },
          (_, n) => `int f${n}(int error) { int unused_error_${n}; return error; }`,
        ),
        'int main(void) { return f0(1) + ; }',
      ) + 'gcc -Wall -Wextra -c hello.c',
  },
  'gcc-werror': {
    category: 'compile',
    section: '%build',
    error: /error: .*\[-Werror=implicit-function-declaration\]/,
    build:
      C('int main(void) { return some_function(1); }') +
      'gcc -Werror=implicit-function-declaration -c hello.c',
  },
  'gxx-template': {
    category: 'compile',
    section: '%build',
    error: /error: no match for|error: no matching/,
    build:
      FILE(
        'hello.cc',
        '#include <vector>',
        '#include <algorithm>',
        '#include <string>',
        'struct A {};',
        'int main() { std::vector<A> v(3); std::sort(v.begin(), v.end()); }',
      ) + 'g++ -std=c++17 -c hello.cc',
  },
  'ld-undefined-reference': {
    category: 'compile',
    section: '%build',
    error: /undefined reference to/,
    build:
      C('extern int elsewhere(void);', 'int main(void) { return elsewhere(); }') +
      MAKEFILE('hello: hello.o', '\tgcc -o hello hello.o', 'hello.o: hello.c', '\tgcc -c hello.c') +
      'make',
  },
  'ld-missing-library': {
    category: 'dependency',
    section: '%build',
    error: /cannot find -lzfoo/,
    build: C(MAIN) + 'gcc hello.c -o hello -lzfoo -lm',
  },
  'ld-multiple-definition': {
    category: 'compile',
    section: '%build',
    error: /multiple definition of/,
    build:
      'echo "int x = 1;" >a.c; echo "int x = 2; int main(void) { return x; }" >b.c\ngcc -o x a.c b.c',
  },
  'make-parallel': {
    category: 'compile',
    section: '%build',
    error: /f3\.c:1:\d+: error: /,
    build:
      'for i in 1 2 3 4 5 6; do echo "int f$i(void) { return $i; }" >f$i.c; done\necho \'int f3(void) { return broken; }\' >f3.c\n' +
      MAKEFILE(
        'OBJS = f1.o f2.o f3.o f4.o f5.o f6.o',
        'all: $(OBJS)',
        '%%.o: %%.c',
        '\tgcc -O2 -c $< -o $@',
      ) +
      'make -j4',
  },
  'make-no-rule': {
    category: 'compile',
    section: '%build',
    error: /No rule to make target 'missing\.h'/,
    build:
      C(MAIN) + MAKEFILE('all: hello.o', 'hello.o: hello.c missing.h', '\tgcc -c hello.c') + 'make',
  },
  'make-no-makefile': {
    category: 'compile',
    section: '%build',
    error: /No targets specified and no makefile found/,
    build: 'make -j2 V=1',
  },
  'make-missing-program': {
    category: 'dependency',
    section: '%build',
    error: /xgetfoo: (?:No such file|not found|Command not found|command not found)/,
    build: MAKEFILE('all:', '\t@echo generating', '\txgetfoo --version >out') + 'make',
  },
  'make-ignored-error': {
    category: 'compile',
    section: '%build',
    error: /hello\.c:1:\d+: error: /,
    build:
      C('int main(void) { return nothing_here; }') +
      MAKEFILE(
        'all:',
        '\t-cp does-not-exist /tmp',
        '\t-gcc -c absent.c',
        '\t@echo going on',
        '\t@i=0; while [ $$i -lt 60 ]; do echo step $$i; i=$$((i+1)); done',
        '\tgcc -c hello.c',
      ) +
      'make',
  },
  assembler: {
    category: 'compile',
    section: '%build',
    error: /a\.s:2: Error: /,
    build: FILE('a.s', '  nop', '  frobnicate %%rax', '  ret') + 'gcc -c a.s',
  },
  'bison-syntax': {
    category: 'compile',
    section: '%build',
    head: NEEDS('bison'),
    error: /p\.y:3\.\d+.*: error: /,
    build: FILE('p.y', '%%token A', '%%%%', 'x: A | b ;', '%%%%') + 'bison p.y',
  },
  // Configuration tools
  'configure-missing-library': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('autoconf', 'automake'),
    error: /configure: error: libzfoo is required/,
    build:
      FILE(
        'configure.ac',
        'AC_INIT([hello],[1.0])',
        'AC_PROG_CC',
        'AC_CHECK_HEADERS([zlib.h zfoo.h error.h])',
        'AC_CHECK_LIB([zfoo],[zfoo_init],,[AC_MSG_ERROR([libzfoo is required])])',
        'AC_OUTPUT',
      ) + 'autoconf\n./configure',
  },
  'configure-pkgconfig': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('autoconf', 'pkgconf'),
    error: /^configure: error: Package requirements/,
    build:
      FILE(
        'configure.ac',
        'AC_INIT([hello],[1.0])',
        'AC_PROG_CC',
        'if ! pkg-config --print-errors "zfoo >= 2.0"; then AC_MSG_ERROR([Package requirements (zfoo >= 2.0) were not met]); fi',
        'AC_OUTPUT',
      ) + 'autoconf\n./configure',
  },
  'configure-option': {
    category: 'compile',
    section: '%build',
    head: NEEDS('autoconf'),
    error: /configure: error: bad value/,
    build:
      FILE(
        'configure.ac',
        'AC_INIT([hello],[1.0])',
        'AC_ARG_WITH([mode],[],[AC_MSG_ERROR([bad value $withval for --with-mode])])',
        'AC_OUTPUT',
      ) + 'autoconf\n./configure --with-mode=odd',
  },
  autoreconf: {
    category: 'compile',
    section: '%build',
    head: NEEDS('autoconf', 'automake'),
    error: /possibly undefined macro: AC_ODD_CHECK/,
    build:
      FILE(
        'configure.ac',
        'AC_INIT([hello],[1.0])',
        'AM_INIT_AUTOMAKE([foreign])',
        'AC_PROG_CC',
        'AC_ODD_CHECK',
        'AC_CONFIG_FILES([Makefile])',
        'AC_OUTPUT',
      ) +
      FILE('Makefile.am', 'bin_PROGRAMS = hello') +
      'autoreconf -fi',
  },
  'cmake-find-package': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('cmake'),
    error: /CMake Error at CMakeLists\.txt:3 \(find_package\)/,
    build:
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello C)',
        'find_package(ZFoo 2 REQUIRED CONFIG)',
      ) + 'cmake -S . -B build',
  },
  'cmake-could-not-find': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('cmake'),
    error: /CMake Error at .*FindPackageHandleStandardArgs/,
    build:
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello C)',
        'find_package(CURL REQUIRED)',
      ) + 'cmake -S . -B build',
  },
  'cmake-message': {
    category: 'compile',
    section: '%build',
    head: NEEDS('cmake'),
    error: /CMake Error at CMakeLists\.txt:3 \(message\)/,
    build:
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello C)',
        'message(FATAL_ERROR "In-source builds are refused")',
      ) + 'cmake -S . -B build',
  },
  'cmake-compile': {
    category: 'compile',
    section: '%build',
    head: NEEDS('cmake'),
    error: /hello\.c:1:\d+: error/,
    build:
      C('int main(void) { return lost; }') +
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello C)',
        'add_executable(hello hello.c)',
      ) +
      'cmake -S . -B build\ncmake --build build -v',
  },
  'cmake-ninja-compile': {
    category: 'compile',
    section: '%build',
    head: NEEDS('cmake', 'ninja-build'),
    error: /FAILED: |hello\.c:1:\d+: error/,
    build:
      C('int main(void) { return lost; }') +
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello C)',
        'add_executable(hello hello.c)',
      ) +
      'cmake -G Ninja -S . -B build\nninja -C build -v',
  },
  'meson-dependency': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('meson', 'pkgconf'),
    error: /meson\.build:2:\d+: ERROR: Dependency/i,
    build:
      FILE('meson.build', "project('hello', 'c')", "dependency('zfoo', version: '>=2')") +
      'meson setup out',
  },
  'meson-program': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('meson'),
    error: /meson\.build:2:\d+: ERROR: Program/,
    build:
      FILE('meson.build', "project('hello', 'c')", "find_program('xgetfoo')") + 'meson setup out',
  },
  'meson-compile': {
    category: 'compile',
    section: '%build',
    head: NEEDS('meson', 'ninja-build'),
    error: /FAILED: |hello\.c:1:\d+: error/,
    build:
      C('int main(void) { return lost; }') +
      FILE('meson.build', "project('hello', 'c')", "executable('hello', 'hello.c')") +
      'meson setup out\nmeson compile -C out',
  },
  // Languages
  'python-module-missing': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('python3'),
    error: /ModuleNotFoundError: No module named 'zfoo'/,
    build:
      FILE('gen.py', 'import sys', 'def load():', '    import zfoo.bar', 'load()') +
      'python3 gen.py',
  },
  'python-syntax': {
    category: 'compile',
    section: '%build',
    head: NEEDS('python3'),
    error: /SyntaxError: /,
    build: FILE('gen.py', 'print("a"') + 'python3 gen.py',
  },
  'python-traceback': {
    category: 'compile',
    section: '%build',
    head: NEEDS('python3'),
    error: /^ValueError: bad value/,
    build:
      FILE(
        'gen.py',
        'def f(n):',
        '    if n == 0: raise ValueError("bad value")',
        '    f(n - 1)',
        'f(5)',
      ) + 'python3 gen.py',
  },
  'python-traceback-chain': {
    category: 'compile',
    section: '%build',
    head: NEEDS('python3'),
    error: /^RuntimeError: cannot generate/,
    build:
      FILE(
        'gen.py',
        'try:',
        '    open("/absent/file")',
        'except OSError as e:',
        '    raise RuntimeError("cannot generate") from e',
      ) + 'python3 gen.py',
  },
  'python-wheel-backend': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('python3', 'python3-pip', 'python3-setuptools', 'python3-wheel'),
    error: /^ModuleNotFoundError: No module named 'zfoo_backend'/,
    build:
      FILE(
        'pyproject.toml',
        '[build-system]',
        'requires = []',
        'build-backend = "zfoo_backend"',
        '[project]',
        'name = "x"',
        'version = "1"',
      ) + 'python3 -m pip wheel --no-deps --no-build-isolation --no-index -w dist .',
  },
  'python-setup': {
    category: 'compile',
    section: '%build',
    head: NEEDS('python3', 'python3-setuptools'),
    error: /FileNotFoundError: /,
    build:
      FILE(
        'setup.py',
        'from setuptools import setup',
        'setup(name="x", version="1", long_description=open("README.rst").read())',
      ) + 'python3 setup.py build',
  },
  'perl-module-missing': {
    category: 'dependency',
    section: '%build',
    head: NEEDS('perl'),
    error: /Can't locate Zfoo\/Bar\.pm in @INC/,
    build: FILE('Makefile.PL', 'use strict;', 'use Zfoo::Bar;', '1;') + 'perl Makefile.PL',
  },
  'perl-syntax': {
    category: 'compile',
    section: '%build',
    head: NEEDS('perl'),
    error: /syntax error at gen\.pl line 2/,
    build: FILE('gen.pl', 'use strict;', 'my $x = = 1;') + 'perl gen.pl',
  },
  'shell-command-missing': {
    category: 'dependency',
    section: '%build',
    error: /line \d+: xgetfoo: (?:command )?not found/,
    build: 'echo building\nxgetfoo --all',
  },
  'shell-syntax': {
    category: 'compile',
    section: '%build',
    error: /syntax error/,
    build: 'if true; then\necho open',
  },
  'shell-false': {
    category: 'compile',
    section: '%build',
    error: /^\+ test -f lib\/generated\.txt/,
    build: 'echo one\ntest -f lib/generated.txt',
  },
  // %prep
  'patch-hunk': {
    category: 'prep',
    section: '%prep',
    head: 'Source0: text.txt\nPatch0: fix.patch',
    error: /Hunk #1 FAILED/,
    prep: 'cp %{SOURCE0} text.txt\npatch -p1 -i %{PATCH0}',
    sources: {
      'text.txt': 'one\ntwo\nthree\n',
      'fix.patch': '--- a/text.txt\n+++ b/text.txt\n@@ -1,3 +1,3 @@\n four\n-five\n+FIVE\n six\n',
    },
  },
  'patch-absent-file': {
    category: 'prep',
    section: '%prep',
    head: 'Patch0: fix.patch',
    error: /can't find file to patch/,
    prep: 'patch -p1 -i %{PATCH0}',
    sources: { 'fix.patch': '--- a/src/text.c\n+++ b/src/text.c\n@@ -1 +1 @@\n-five\n+FIVE\n' },
  },
  'patch-reversed': {
    category: 'prep',
    section: '%prep',
    head: 'Source0: text.txt\nPatch0: fix.patch',
    error: /Reversed \(or previously applied\) patch detected/,
    prep: 'cp %{SOURCE0} text.txt\npatch -p1 --fuzz=0 -N -i %{PATCH0}',
    sources: {
      'text.txt': 'one\nTWO\nthree\n',
      'fix.patch': '--- a/text.txt\n+++ b/text.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n',
    },
  },
  'autosetup-directory': {
    category: 'prep',
    section: '%prep',
    head: 'Source0: other.tar',
    error: /cd: probe-1\.0: No such file or directory/,
    prep: 'mkdir other; tar cf other.tar other\ntar xf other.tar\ncd probe-1.0',
    sources: { 'other.tar': 'x' },
  },
  'tar-damaged': {
    category: 'prep',
    section: '%prep',
    head: 'Source0: probe.tar.gz',
    error: /not in gzip format|This does not look like a tar archive/,
    prep: 'tar -xzf %{SOURCE0}',
    sources: { 'probe.tar.gz': '<html>Not Found</html>\n' },
  },
  'setup-not-an-archive': {
    category: 'prep',
    section: '%prep',
    head: 'Source0: probe.tar.gz',
    error: /not in gzip format|does not look like a tar archive|[Uu]nrecognized|rpmuncompress/,
    prep: '%setup -q',
    sources: { 'probe.tar.gz': '<html>Not Found</html>\n' },
  },
  'source-missing': {
    category: 'prep',
    section: null,
    known: 'prep',
    head: 'Source0: absent.tar.gz',
    error: /^error: Bad file: .*absent\.tar\.gz/,
    prep: 'true',
  },
  checksum: {
    category: 'verification',
    section: '%prep',
    head: 'Source0: text.txt',
    error: /text\.txt: FAILED/,
    prep: 'cd %{_sourcedir}\necho "0123456789abcdef0123456789abcdef  text.txt" | md5sum -c -',
    sources: { 'text.txt': 'x\n' },
  },
  // Tests
  'check-make': {
    category: 'test',
    section: '%check',
    error: /^FAIL: t2/,
    check:
      MAKEFILE(
        'check:',
        '\t@echo "PASS: t1"',
        '\t@echo "FAIL: t2"',
        '\t@echo "PASS: t3"',
        '\t@exit 1',
      ) + 'make check',
  },
  'check-automake': {
    category: 'test',
    section: '%check',
    head: NEEDS('autoconf', 'automake'),
    error: /^FAIL: t2\.sh/,
    check:
      FILE(
        'configure.ac',
        'AC_INIT([hello],[1.0])',
        'AM_INIT_AUTOMAKE([foreign])',
        'AC_CONFIG_FILES([Makefile])',
        'AC_OUTPUT',
      ) +
      FILE('Makefile.am', 'TESTS = t1.sh t2.sh t3.sh') +
      "for t in 1 2 3; do printf '#!/bin/sh\\nexit 0\\n' >t$t.sh; done; printf '#!/bin/sh\\necho wrong\\nexit 1\\n' >t2.sh; chmod +x t*.sh\nautoreconf -fi\n./configure\nmake check",
  },
  'check-pytest': {
    category: 'test',
    section: '%check',
    head: NEEDS('python3-pytest'),
    error: /test_x\.py::test_two FAILED|^FAILED test_x|^E {3}/,
    check:
      FILE(
        'test_x.py',
        'def test_one(): assert True',
        'def test_two():',
        '    value = 3',
        '    assert value == 4',
      ) + 'python3 -m pytest -v',
  },
  'check-pytest-quiet': {
    category: 'test',
    section: '%check',
    head: NEEDS('python3-pytest'),
    error: /^E {7}assert 3 == 4/,
    check:
      FILE(
        'test_x.py',
        'def test_one(): assert True',
        'def test_two():',
        '    value = 3',
        '    assert value == 4',
      ) + 'python3 -m pytest -q',
  },
  'check-pytest-import': {
    category: 'dependency',
    section: '%check',
    head: NEEDS('python3-pytest'),
    error: /^E {3}ModuleNotFoundError: No module named 'zfoo'/,
    check: FILE('test_x.py', 'import zfoo', 'def test_one(): assert True') + 'python3 -m pytest',
  },
  'check-unittest': {
    category: 'test',
    section: '%check',
    head: NEEDS('python3'),
    error: /^FAIL: test_two|^test_two .*FAIL/,
    check:
      FILE(
        'test_x.py',
        'import unittest',
        'class T(unittest.TestCase):',
        '  def test_one(self): pass',
        '  def test_two(self): self.assertEqual(1, 2)',
      ) + 'python3 -m unittest',
  },
  'check-prove': {
    category: 'test',
    section: '%check',
    head: NEEDS('perl'),
    error: /Failed test 'sum'|^not ok 2/,
    check:
      'mkdir t\n' +
      FILE(
        't/basic.t',
        'use Test::More tests => 3;',
        'ok(1, "one");',
        'is(1 + 1, 3, "sum");',
        'ok(1, "three");',
      ) +
      'prove -v t/',
  },
  'check-prove-quiet': {
    category: 'test',
    section: '%check',
    head: NEEDS('perl'),
    error: /Failed test 'sum'/,
    check:
      'mkdir t\n' +
      FILE(
        't/basic.t',
        'use Test::More tests => 3;',
        'ok(1, "one");',
        'is(1 + 1, 3, "sum");',
        'ok(1, "three");',
      ) +
      'prove t/',
  },
  'check-ctest': {
    category: 'test',
    section: '%check',
    head: NEEDS('cmake'),
    error: /Test +#2: two .*\*\*\*Failed/,
    check:
      FILE(
        'CMakeLists.txt',
        'cmake_minimum_required(VERSION 3.10)',
        'project(hello NONE)',
        'enable_testing()',
        'add_test(NAME one COMMAND true)',
        'add_test(NAME two COMMAND false)',
        'add_test(NAME three COMMAND true)',
      ) + 'cmake -S . -B b >/dev/null\ncd b; ctest --output-on-failure',
  },
  'check-meson': {
    category: 'test',
    section: '%check',
    head: NEEDS('meson', 'ninja-build'),
    error: /two +FAIL/,
    check:
      FILE(
        'meson.build',
        "project('hello', 'c')",
        "test('one', find_program('true'))",
        "test('two', find_program('false'))",
      ) + 'meson setup out\nmeson test -C out',
  },
  'check-segfault': {
    category: 'test',
    section: '%check',
    error: /Segmentation fault/,
    check:
      C('int main(void) { volatile int *p = 0; return *p; }') + 'gcc -o crash hello.c\n./crash',
  },
  'check-assert': {
    category: 'test',
    section: '%check',
    error: /Assertion .*failed/,
    check:
      C('#include <assert.h>', 'int main(int argc, char **argv) { assert(argc == 2); }') +
      'gcc -o crash hello.c\n./crash',
  },
  'check-diff': {
    category: 'test',
    section: '%check',
    error: /^\+ diff|differ/,
    check: 'echo one >expected; echo two >actual\ncmp expected actual',
  },
  'check-expected-failures': {
    category: 'test',
    section: '%check',
    error: /^FAIL: real/,
    check:
      'echo "XFAIL: known"; echo "ok 1 - error handling # TODO not yet"; echo "not ok 2 - odd # TODO later"; echo "PASS: failure is reported"; echo "0 errors, 0 failures"\necho "FAIL: real"; echo "# FAIL: 1"\nexit 1',
  },
  // %install and %files
  'install-cannot-stat': {
    category: 'install',
    section: '%install',
    error: /cannot stat 'absent\.conf'/,
    install: 'install -d %{buildroot}/etc\ninstall -m 644 absent.conf %{buildroot}/etc/\n',
  },
  'install-permission': {
    category: 'install',
    section: '%install',
    error: /mkdir: cannot create directory '\/usr\/share\/x'|Permission denied|Read-only/,
    install:
      MAKEFILE('install:', '\tmkdir -p /usr/share/x', '\tcp Makefile /usr/share/x') +
      'make install DESTDIR=%{buildroot}\n',
  },
  'install-make-target': {
    category: 'install',
    section: '%install',
    error: /No rule to make target 'install'/,
    install: MAKEFILE('all:', '\ttrue') + 'make install DESTDIR=%{buildroot}\n',
  },
  'files-not-found': {
    category: 'files',
    section: '%files',
    error: /^error: File not found: .*absent/,
    files: '/usr/bin/absent',
  },
  'files-glob': {
    category: 'files',
    section: '%files',
    error: /^error: File not found: .*absent-\*/,
    files: '/usr/lib/absent-*.so',
  },
  'files-unpackaged': {
    category: 'files',
    section: '%files',
    error: /^error: Installed \(but unpackaged\) file\(s\) found/,
    install:
      'install -d %{buildroot}/usr/bin\necho x >%{buildroot}/usr/bin/extra\necho x >%{buildroot}/usr/bin/second\n',
  },
  'files-list-missing': {
    category: 'files',
    section: '%files',
    error: /^error: Could not open %files file/,
    more: '%files -n probe-extra -f extra.lang\n',
    head: '%package -n probe-extra\nSummary: x\n%description -n probe-extra\nx\n',
  },
  'files-relative': {
    category: 'files',
    section: '%files',
    error: /^error: File must begin with "\/": usr\/bin/,
    files: 'usr/bin/x',
  },
  'files-macro': {
    category: 'macros',
    section: '%files',
    error: /^error: File must begin with "\/": %\{_zfoodir\}/,
    files: '%{_zfoodir}/x',
  },
  'files-noarch-binary': {
    category: 'files',
    section: '%files',
    error: /Arch dependent binaries in noarch package/,
    install:
      C(MAIN) + 'install -d %{buildroot}/usr/bin\ngcc -o %{buildroot}/usr/bin/hello hello.c\n',
    files: '/usr/bin/hello',
  },
  // Macros and the spec
  'macro-undefined-line': {
    category: 'macros',
    section: '%build',
    error: /fg: no job control/,
    build: 'echo configuring\n%zfoo_configure --enable-x',
  },
  'macro-undefined-braces': {
    category: 'macros',
    section: '%build',
    error: /fg: no job control/,
    build: 'echo x\n%{zfoo_tool} build',
  },
  'spec-unknown-tag': {
    category: 'macros',
    section: null,
    error: /^error: line \d+: Unknown tag: Colour/,
    head: 'Colour: red',
  },
  'spec-unclosed-if': {
    category: 'macros',
    section: null,
    error: /Unclosed %if/,
    head: '%if 1',
  },
  'spec-bad-version': {
    category: 'macros',
    section: null,
    error: /^error: .*(?:Illegal char|Invalid version|Versioned)/i,
    head: 'Requires: probe-data = 1:2-3-4',
  },
  'spec-macro-recursion': {
    category: 'macros',
    section: null,
    error: /recursion/i,
    head: '%define zfoo %{zbar}\n%define zbar %{zfoo}\nURL: https://example.org/%{zfoo}',
  },
  'spec-condition': {
    category: 'macros',
    section: null,
    error: /^error: .*(?:parse error in expression|syntax error|bad %if)/,
    head: '%if 1 >\n%endif',
  },
  'spec-duplicate-package': {
    category: 'macros',
    section: null,
    error: /package probe-extra already exists/,
    head: '%package extra\nSummary: x\n%description extra\nx\n%package extra\nSummary: y\n%description extra\ny\n',
  },
  'scriptlet-macro': {
    category: 'macros',
    section: null,
    known: 'macros',

    more: '%post\n%zfoo_scriptlet probe\n',
  },
  // Dependencies
  'dnf-missing': {
    category: 'dependency',
    section: null,
    known: 'dependency',
    error: /nothing provides zfoo-devel >= 2/,
    head: NEEDS('zfoo-devel >= 2', 'gcc'),
  },
  'dnf-missing-many': {
    category: 'dependency',
    section: null,
    known: 'dependency',
    error: /nothing provides zbar|nothing provides zfoo/,
    head: NEEDS('zfoo', 'zbar', 'pkgconfig(zbaz)'),
  },
  'dnf-version': {
    category: 'dependency',
    section: null,
    known: 'dependency',
    error: /nothing provides zlib-devel >= 99/,
    head: NEEDS('zlib-devel >= 99'),
  },
  'dnf-generated': {
    category: 'dependency',
    section: null,
    known: 'dependency',
    error: /nothing provides python3dist\(zfoo\)/,
    more: "%generate_buildrequires\necho 'python3dist(zfoo)'\n",
  },
  'generate-fails': {
    category: 'dependency',
    section: '%generate_buildrequires',
    head: NEEDS('python3'),
    error: /ModuleNotFoundError: No module named 'zfoo_generator'/,
    more: '%generate_buildrequires\npython3 -c "import zfoo_generator"\n',
  },
  // Limits
  'limit-memory': {
    category: 'resources',
    section: '%build',
    known: 'resources',
    head: NEEDS('python3'),
    error: /Killed/,
    build: 'python3 -c "\nx = []\nwhile True: x.append(bytearray(16 << 20))"',
    memory_bytes: 256 * 1024 ** 2,
  },
  'limit-disk': {
    category: 'resources',
    section: '%build',
    known: 'resources',
    error: /No space left on device/,
    build: 'dd if=/dev/zero of=big bs=1M',
    limits: { max_disk_bytes: 3 * 1024 ** 3 },
  },
  'limit-time': {
    category: 'timeout',
    section: '%check',
    known: 'timeout',
    error: /^\+ sleep 600/,
    check: 'echo waiting\nsleep 600',
    timeout_seconds: 20,
  },
  'limit-log': {
    category: 'resources',
    section: '%build',
    known: 'resources',
    build: 'yes "line of a log that does not end" | head -n 200000',
    limits: { max_log_bytes: 60_000 },
  },
  'limit-results': {
    category: 'resources',
    section: null,
    known: 'resources',
    limits: { max_result_bytes: 3000 },
  },
  'memory-words': {
    category: 'resources',
    section: '%build',
    error: /Cannot allocate memory/,
    head: NEEDS('python3'),
    build:
      'ulimit -v 400000\npython3 -c "import os; os.write(2, b\\"\\"); raise OSError(12, \\"Cannot allocate memory\\")"',
  },
  // Network
  'network-curl': {
    category: 'network',
    section: '%build',
    head: NEEDS('python3'),
    error: /^urllib\.error\.URLError: /,
    build:
      'python3 -c "import urllib.request; urllib.request.urlopen(\'https://example.org/file.tar.gz\')"',
  },
  'network-pip': {
    category: 'network',
    section: '%build',
    head: NEEDS('python3', 'python3-pip'),
    error:
      /NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution/,
    build:
      'python3 -m pip download --retries 1 --disable-pip-version-check --trusted-host pypi.example.org --index-url http://pypi.example.org/simple zfoo-package',
  },
  'network-repository': {
    category: 'network',
    section: null,
    known: 'network',
    error: /Preparing the root|repository|refused/i,
    repo: 'http://127.0.0.1:1/repo',
  },
  // Verification after the build, and infrastructure
  'results-not-an-rpm': {
    category: 'verification',
    section: null,
    known: 'verification',

    install:
      'install -d %{buildroot}/usr/share/probe %{_rpmdir}/noarch\necho data >%{buildroot}/usr/share/probe/data\necho no >%{_rpmdir}/fake-1-1.noarch.rpm\n',
  },
  'results-folder-replaced': {
    category: 'verification',
    section: null,
    known: 'verification',

    install:
      'install -d %{buildroot}/usr/share/probe\necho data >%{buildroot}/usr/share/probe/data\n',
    check: '(sleep 0)\nrm -rf %{_srcrpmdir}\nln -s /tmp %{_srcrpmdir}\n',
  },
  // Faults of the builder, after which another builder retries the build
  'chroot-repository-down': {
    category: 'infrastructure',
    section: null,
    chroot_repo: 'http://127.0.0.1:1/repo',
  },
}
