import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCategory } from '@copr/contract/failure'
import { FailureScanner } from './failure-scanner.ts'

/** The failing section (or the stage `start`, `root` or `spec`), the category, and an excerpt of the log; `»` marks the first error. */
const MESSAGES: [string, FailureCategory, string][] = [
  // Compilers of other languages
  [
    '%build',
    'compile',
    `   Compiling a v0.1.0\n»error[E0308]: mismatched types\n --> src/main.rs:1:28\nerror: could not compile \`a\` (bin "a")`,
  ],
  [
    '%build',
    'compile',
    `»error: linking with \`cc\` failed: exit status: 1\n  = note: /usr/bin/ld: x\nerror: could not compile \`a\``,
  ],
  [
    '%build',
    'dependency',
    `»error: no matching package named \`serde\` found\nlocation searched: directory source \`/usr/share/cargo/registry\``,
  ],
  [
    '%build',
    'dependency',
    `    Updating index\n»error: failed to select a version for the requirement \`clap = "^4.5"\`\ncandidate versions found which didn't match: 3.2.25`,
  ],
  [
    '%build',
    'network',
    `    Updating crates.io index\nwarning: spurious network error (3 tries remaining): [6] Could not resolve hostname\n»warning: spurious network error (2 tries remaining): [6] Couldn't resolve host name\nerror: failed to get \`serde\` as a dependency of package`,
  ],
  [
    '%build',
    'compile',
    `go build -o bin/x ./cmd/x\n# example.org/x/cmd/x\n»cmd/x/main.go:14:2: undefined: foo`,
  ],
  [
    '%build',
    'dependency',
    `»src/x/main.go:8:2: cannot find package "github.com/foo/bar" in any of:\n\t/usr/lib/golang/src/github.com/foo/bar (from $GOROOT)`,
  ],
  [
    '%build',
    'dependency',
    `»main.go:4:2: no required module provides package github.com/foo/bar; to add it:\n\tgo get github.com/foo/bar`,
  ],
  [
    '%build',
    'network',
    `»go: github.com/foo/bar@v1.2.3: Get "https://proxy.golang.org/github.com/foo/bar/@v/v1.2.3.mod": dial tcp: lookup proxy.golang.org on [::1]:53: connection refused`,
  ],
  [
    '%build',
    'compile',
    `    [javac] Compiling 3 source files\n»    [javac] /builddir/build/BUILD/a/src/A.java:12: error: cannot find symbol\n    [javac]   symbol: class B\nBUILD FAILED`,
  ],
  [
    '%build',
    'compile',
    `[INFO] Compiling 12 source files\n[INFO] -----\n»[ERROR] COMPILATION ERROR : \n[INFO] -----\n[ERROR] /builddir/A.java:[12,3] cannot find symbol\n[INFO] BUILD FAILURE\n[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin`,
  ],
  [
    '%build',
    'dependency',
    `[INFO] BUILD FAILURE\n[INFO] ------\n»[ERROR] Failed to execute goal on project a: Could not resolve dependencies for project a:a:jar:1: Cannot access central (https://repo.maven.apache.org/maven2) in offline mode`,
  ],
  [
    '%build',
    'dependency',
    `[INFO] BUILD FAILURE\n[INFO] ------\n»[ERROR] Plugin org.apache.maven.plugins:maven-x-plugin:2.6 or one of its dependencies could not be resolved: Cannot access central`,
  ],
  [
    '%build',
    'compile',
    `main.f90:3:11:\n\n    3 |   x = yy + \n      |           1\n»Error: Invalid character in name at (1)`,
  ],
  [
    '%build',
    'compile',
    `[ 2 of 12] Compiling Main\n\n»src/Main.hs:12:5: error: [GHC-88464]\n    Variable not in scope: foo`,
  ],
  [
    '%build',
    'dependency',
    `Configuring x-1.0...\n»Setup: Encountered missing or private dependencies:\naeson >=2`,
  ],
  [
    '%build',
    'compile',
    `»File "src/a.ml", line 3, characters 4-7:\n3 | let x = foo\nError: Unbound value foo`,
  ],
  [
    '%build',
    'dependency',
    `File "bin/dune", line 3, characters 12-15:\n3 |  (libraries cmdliner))\n                ^^^\n»Error: Library "cmdliner" not found.`,
  ],
  [
    '%build',
    'compile',
    `»src/index.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.\nnpm error code 2`,
  ],
  [
    '%build',
    'network',
    `»npm ERR! code EAI_AGAIN\nnpm ERR! network request to https://registry.npmjs.org/x failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org`,
  ],
  [
    '%build',
    'dependency',
    `»npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree`,
  ],
  [
    '%build',
    'compile',
    `»/usr/bin/ld: foo.o: relocation R_X86_64_32 against \`.rodata' can not be used when making a PIE object; recompile with -fPIE\ncollect2: error: ld returned 1 exit status`,
  ],
  [
    '%build',
    'compile',
    `»ld.lld: error: undefined symbol: foo\n>>> referenced by a.c\nclang: error: linker command failed with exit code 1 (use -v to see invocation)`,
  ],
  [
    '%build',
    'compile',
    `»../src/a.cpp:12:3: internal compiler error: Segmentation fault\nPlease submit a full bug report`,
  ],
  [
    '%build',
    'compile',
    `In file included from /usr/include/c++/15/bits/stl_algobase.h:67,\n                 from a.cpp:1:\n/usr/include/c++/15/x.h: In instantiation of 'struct X':\na.cpp:5:1:   required from here\n»/usr/include/c++/15/x.h:12:4: error: no type named 'y' in 'struct Z'\nmake: *** [Makefile:3: a.o] Error 1`,
  ],
  [
    '%build',
    'compile',
    `cc1: warning: x\n»cc1: error: unrecognized command-line option '-mfoo'\nmake: *** [a.o] Error 1`,
  ],
  [
    '%build',
    'compile',
    `»clang-20: error: unknown argument: '-fplugin=annobin'\nmake: *** [a.o] Error 1`,
  ],
  [
    '%build',
    'compile',
    `»a.vala:12.5-12.9: error: The name \`foo' does not exist in the context\nCompilation failed: 1 error(s), 0 warning(s)`,
  ],
  ['%build', 'compile', `»xx.d(12): Error: undefined identifier 'foo'`],
  [
    '%build',
    'resources',
    `gcc -c big.c\n»g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\nmake: *** [Makefile:3: big.o] Error 1`,
  ],
  [
    '%build',
    'resources',
    `»/usr/bin/ld: final link failed: No space left on device\ncollect2: error: ld returned 1 exit status`,
  ],
  [
    '%build',
    'resources',
    `»virtual memory exhausted: Cannot allocate memory\nmake: *** [a.o] Error 1`,
  ],
  [
    '%build',
    'resources',
    `<--- Last few GCs --->\n\n»FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory`,
  ],
  ['%build', 'resources', `»java.lang.OutOfMemoryError: Java heap space\n\tat a.b(A.java:1)`],
  [
    '%build',
    'resources',
    `»error: could not compile \`x\` (lib)\n\nCaused by:\n  process didn't exit successfully: \`rustc\` (signal: 9, SIGKILL: kill)`,
  ],
  // Configuration tools
  [
    '%build',
    'dependency',
    `checking for pkg-config... /usr/bin/pkg-config\nchecking for GLIB... no\n»configure: error: Package requirements (glib-2.0 >= 2.80) were not met:\n\nNo package 'glib-2.0' found`,
  ],
  [
    '%build',
    'dependency',
    `checking for gcc... no\nchecking for cc... no\nconfigure: error: in \`/builddir/build/BUILD/a':\n»configure: error: no acceptable C compiler found in $PATH\nSee \`config.log' for more details`,
  ],
  [
    '%build',
    'dependency',
    `checking for libfoo... no\n»configure: error: libfoo not found. Please install libfoo-devel`,
  ],
  [
    '%build',
    'compile',
    `checking whether the C compiler works... no\n»configure: error: C compiler cannot create executables`,
  ],
  [
    '%build',
    'compile',
    `»configure.ac:12: error: possibly undefined macro: AC_LIBTOOL_DLOPEN\nautoreconf: error: /usr/bin/autoconf failed with exit status: 1`,
  ],
  [
    '%conf',
    'dependency',
    `»CMake Error at CMakeLists.txt:12 (find_package):\n  By not providing "FindFoo.cmake" in CMAKE_MODULE_PATH this project has asked\n  CMake to find a package configuration file provided by "Foo", but CMake did\n  not find one.\n-- Configuring incomplete, errors occurred!`,
  ],
  [
    '%build',
    'dependency',
    `-- Could NOT find Doxygen (missing: DOXYGEN_EXECUTABLE)\n»CMake Error at /usr/share/cmake/Modules/FindPackageHandleStandardArgs.cmake:233 (message):\n  Could NOT find OpenSSL (missing: OPENSSL_CRYPTO_LIBRARY)\nCall Stack (most recent call first):`,
  ],
  [
    '%build',
    'dependency',
    `-- Checking for module 'foo'\n--   Package 'foo' not found\n»CMake Error at /usr/share/cmake/Modules/FindPkgConfig.cmake:1093 (message):\n  The following required packages were not found:\n\n   - foo`,
  ],
  [
    '%build',
    'compile',
    `»CMake Error at CMakeLists.txt:1 (cmake_minimum_required):\n  Compatibility with CMake < 3.5 has been removed from CMake.`,
  ],
  [
    '%build',
    'dependency',
    `»CMake Error at CMakeLists.txt:3 (project):\n  No CMAKE_CXX_COMPILER could be found.`,
  ],
  [
    '%build',
    'dependency',
    `Run-time dependency gtk4 found: NO (tried pkgconfig and cmake)\n\n»../meson.build:30:6: ERROR: Dependency "gtk4" not found, tried pkgconfig and cmake\n\nA full log can be found at x`,
  ],
  [
    '%build',
    'dependency',
    `Dependency gtk4 found: NO. Found 4.10 but need: '>= 4.16'\n»meson.build:30:0: ERROR: Dependency lookup for gtk4 with method 'pkgconfig' failed: Invalid version, need 'gtk4' ['>= 4.16'] found '4.10'.`,
  ],
  [
    '%build',
    'dependency',
    `»../meson.build:8:15: ERROR: Program 'valac' not found or not executable`,
  ],
  [
    '%build',
    'dependency',
    `»meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]`,
  ],
  ['%build', 'compile', `»meson.build:3:0: ERROR: Unknown options: "foo"`],
  ['%build', 'dependency', `»Project ERROR: Unknown module(s) in QT: webenginewidgets`],
  [
    '%build',
    'compile',
    `scons: Reading SConscript files ...\n»src/a.c:1:5: error: expected ';'\nscons: *** [src/a.o] Error 1`,
  ],
  [
    '%build',
    'dependency',
    `»/bin/sh: line 1: xsltproc: command not found\nmake[2]: *** [Makefile:12: a.1] Error 127`,
  ],
  [
    '%build',
    'dependency',
    `»make[1]: gtk-doc: No such file or directory\nmake[1]: *** [Makefile:3: doc] Error 127`,
  ],
  [
    '%build',
    'dependency',
    `»/usr/bin/env: 'python': No such file or directory\nmake: *** [Makefile:12: all] Error 127`,
  ],
  [
    '%build',
    'compile',
    `[12/80] gcc -O2 -c a.c\n»FAILED: src/a.o \ngcc -O2 -c a.c -o src/a.o\na.c:1:1: error: unknown type name 'x'\nninja: build stopped: subcommand failed.`,
  ],
  [
    '%build',
    'compile',
    `»ninja: error: 'foo.h', needed by 'a.o', missing and no known rule to make it`,
  ],
  // Python, Perl, Ruby, R and others
  [
    '%build',
    'dependency',
    `* Getting build dependencies for wheel...\nTraceback (most recent call last):\n  File "/usr/lib/python3.13/site-packages/pyproject_hooks/_impl.py", line 402, in _call_hook\n    raise BackendUnavailable(\n»pyproject_hooks._impl.BackendUnavailable: Cannot import 'flit_core.buildapi'`,
  ],
  [
    '%generate_buildrequires',
    'dependency',
    `+ /usr/bin/python3 -s /usr/lib/rpm/redhat/pyproject_buildrequires.py\nTraceback (most recent call last):\n  File "x.py", line 1, in <module>\n»ModuleNotFoundError: No module named 'tomli'`,
  ],
  [
    '%build',
    'compile',
    `Traceback (most recent call last):\n  File "setup.py", line 9, in <module>\n    x\n»AttributeError: module 'configparser' has no attribute 'SafeConfigParser'. Did you mean: 'RawConfigParser'?`,
  ],
  ['%build', 'dependency', `»/usr/bin/python3: No module named build\nerror: x`],
  [
    '%build',
    'dependency',
    `»ERROR: Could not find a version that satisfies the requirement setuptools>=77 (from versions: none)\nERROR: No matching distribution found for setuptools>=77`,
  ],
  ['%build', 'compile', `Running Sphinx v8\n»Extension error:\nCould not frobnicate`],
  [
    '%build',
    'dependency',
    `Running Sphinx v8\n\n»Extension error:\nCould not import extension sphinx_rtd_theme (exception: No module named 'sphinx_rtd_theme')`,
  ],
  [
    '%build',
    'dependency',
    `»Can't locate Module/Build.pm in @INC (you may need to install the Module::Build module) (@INC entries checked: /usr/local/lib64/perl5) at Build.PL line 5.\nBEGIN failed--compilation aborted at Build.PL line 5.`,
  ],
  [
    '%build',
    'dependency',
    `»<internal:/usr/share/rubygems/rubygems/core_ext/kernel_require.rb>:136:in 'Kernel#require': cannot load such file -- rake (LoadError)`,
  ],
  [
    '%build',
    'dependency',
    `»ERROR: dependencies ‘rlang’, ‘vctrs’ are not available for package ‘x’\n* removing ‘/x’`,
  ],
  [
    '%build',
    'network',
    `»warning: failed to load external entity "http://docbook.sourceforge.net/release/xsl/current/manpages/docbook.xsl"\ncannot parse http://docbook.sourceforge.net/x\nmake: *** [a.1] Error 5`,
  ],
  [
    '%build',
    'network',
    `Cloning into 'x'...\n»fatal: unable to access 'https://github.com/a/b.git/': Could not resolve host: github.com\nmake: *** [x] Error 128`,
  ],
  ['%build', 'network', `»curl: (6) Could not resolve host: example.org`],
  [
    '%build',
    'network',
    `WARNING: Retrying (Retry(total=4)) after connection broken\n»ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded with url: /simple/x/ (Caused by NewConnectionError('x: Failed to establish a new connection: [Errno -2] Name or service not known'))`,
  ],
  // %prep
  [
    '%prep',
    'prep',
    `+ /usr/bin/patch -p1 -s --fuzz=0 --no-backup-if-mismatch -f\n»1 out of 3 hunks FAILED -- saving rejects to file src/a.c.rej`,
  ],
  [
    '%prep',
    'prep',
    `+ git apply --index -\n»error: patch failed: src/a.c:12\nerror: src/a.c: patch does not apply`,
  ],
  ['%prep', 'prep', `»/var/tmp/rpm-tmp.x: line 41: cd: foo-1.0: No such file or directory`],
  [
    '%prep',
    'prep',
    `+ /usr/lib/rpm/rpmuncompress -x /builddir/build/SOURCES/a.tar.gz\n»tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors`,
  ],
  [
    '%prep',
    'prep',
    `»gzip: /builddir/build/SOURCES/a.tar.gz: not in gzip format\ntar: Child returned status 1`,
  ],
  [
    '%prep',
    'verification',
    `+ /usr/lib/rpm/redhat/gpgverify --keyring=x\ngpgv: Signature made Mon\n»gpgv: BAD signature from "x"\ngpgverify: Signature verification failed.`,
  ],
  ['%prep', 'prep', `»cp: cannot stat '/builddir/build/SOURCES/a.conf': No such file or directory`],
  // Tests
  [
    '%check',
    'test',
    `PASS: a\n»FAIL: b.sh 3 - compares\n# FAIL:  1\nmake[3]: *** [Makefile:933: test-suite.log] Error 1`,
  ],
  [
    '%check',
    'test',
    `tests/test_a.py::test_x PASSED [ 10%]\n»tests/test_a.py::test_y[a b] FAILED [ 20%]\n=== FAILURES ===\nE   assert 1 == 2`,
  ],
  [
    '%check',
    'test',
    `tests/test_a.py ..F [100%]\n\n=================================== FAILURES ===================================\n____ test_y ____\n\n    def test_y():\n>       assert f() == 2\n»E       AssertionError: assert 1 == 2\n\nFAILED tests/test_a.py::test_y`,
  ],
  [
    '%check',
    'dependency',
    `collected 0 items / 1 error\n\n==================================== ERRORS ====================================\n_____________________ ERROR collecting tests/test_a.py _____________________\nImportError while importing test module '/builddir/x'.\ntests/test_a.py:1: in <module>\n    import hypothesis\n»E   ModuleNotFoundError: No module named 'hypothesis'`,
  ],
  [
    '%check',
    'test',
    `test_a (tests.T.test_a) ... ok\n»test_b (tests.T.test_b) ... FAIL\n\n======\nFAIL: test_b (tests.T.test_b)\nAssertionError: 1 != 2\nFAILED (failures=1)`,
  ],
  [
    '%check',
    'dependency',
    `E\n======================================================================\n»ERROR: test_a (unittest.loader._FailedTest.test_a)\n----------------------------------------------------------------------\nImportError: Failed to import test module: test_a\nTraceback (most recent call last):\n  File "/usr/lib64/python3.13/unittest/loader.py", line 396, in _find_test_path\n    module = self._get_module_from_name(name)\n  File "/usr/lib64/python3.13/unittest/loader.py", line 339\n    __import__(name)\nModuleNotFoundError: No module named 'mock'`,
  ],
  [
    '%check',
    'test',
    `t/00.t .. ok\n\n»#   Failed test 'x'\n#   at t/01.t line 9.\n# Looks like you failed 1 test of 3.\nt/01.t .. \nDubious, test returned 1 (wstat 256, 0x100)\nFailed 1/3 subtests`,
  ],
  [
    '%check',
    'test',
    ` 1/12 Test  #1: a ...   Passed    0.01 sec\n» 2/12 Test  #2: b ...***Failed    0.02 sec\n92% tests passed, 1 tests failed out of 12`,
  ],
  [
    '%check',
    'test',
    ` 3/12 Test  #3: b ...........***Exception: SegFault  0.02 sec`.replace(/^/, '»'),
  ],
  [
    '%check',
    'test',
    ` 1/30 x:a  OK  0.01s\n» 2/30 x:b  FAIL  0.02s   exit status 1\n>>> MALLOC_PERTURB_=1 /x`,
  ],
  ['%check', 'test', ` 7/30 x:slow  OK\n» 8/30 x:b  TIMEOUT  30.02s   killed by signal 15 SIGTERM`],
  [
    '%check',
    'test',
    `[ RUN      ] A.b\n»a_test.cc:12: Failure\nExpected equality of these values:\n[  FAILED  ] A.b (0 ms)`,
  ],
  [
    '%check',
    'test',
    `test a::b ... ok\n»test a::c ... FAILED\n\nfailures:\n---- a::c stdout ----\nthread 'a::c' panicked at src/a.rs:1:1:`,
  ],
  [
    '%check',
    'test',
    `=== RUN   TestA\n    a_test.go:12: got 1, want 2\n»--- FAIL: TestA (0.00s)\nFAIL\nFAIL\texample.org/a\t0.01s`,
  ],
  [
    '%check',
    'test',
    `[INFO] Running a.BTest\n»[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! - in a.BTest\n[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin`,
  ],
  ['%check', 'test', `  12 passing (1s)\n»  1 failing\n\n  1) a b:\n     AssertionError`],
  [
    '%check',
    'test',
    `...F..\n\n»Failures:\n\n  1) A b\n     Failure/Error: x\n\n3 examples, 1 failure\n\nrspec ./spec/a_spec.rb:3`,
  ],
  ['%check', 'test', `# Running:\n..F\n\n»  1) Failure:\nTestA#test_b [test/a.rb:3]:\nExpected: 1`],
  [
    '%check',
    'test',
    `»Failed example:\nxx\n***Test Failed*** 1 failures.`.replace('»Failed example:\nxx\n', '»'),
  ],
  ['%check', 'test', `not ok 1 - flaky # TODO fix\n»not ok 2 - real\n# exit 1`],
  [
    '%check',
    'test',
    `»* checking tests ...\n ERROR\nRunning the tests in ‘tests/testthat.R’ failed.`,
  ],
  ['%check', 'test', `»b.desktop: error: value "x" for key "Type" is not known`],
  // %install and files
  [
    '%install',
    'install',
    `»install: cannot stat 'foo.1': No such file or directory\nmake: *** [Makefile:12: install] Error 1`,
  ],
  ['%install', 'install', `»cp: cannot stat 'build/x': No such file or directory`],
  [
    '%install',
    'install',
    `»mkdir: cannot create directory '/usr/share/foo': Permission denied\nmake: *** [install] Error 1`,
  ],
  [
    '%install',
    'install',
    `+ /usr/lib/rpm/check-buildroot\n»/builddir/build/BUILDROOT/x/usr/lib/a.la:libdir='/builddir/build/BUILDROOT/x'\nFound '/builddir/build/BUILDROOT/x' in installed files; aborting`,
  ],
  [
    '%install',
    'install',
    `+ /usr/lib/rpm/check-rpaths\n*******\n»ERROR   0001: file '/usr/bin/x' contains a standard runpath '/usr/lib64' in [/usr/lib64]`,
  ],
  [
    '%install',
    'install',
    `»*** ERROR: ambiguous python shebang in /usr/bin/x: #!/usr/bin/python. Change it to python3 (or python2) explicitly.`,
  ],
  ['%install', 'macros', `»/var/tmp/rpm-tmp.x: line 31: fg: no job control`],
  ['%build', 'macros', `»/var/tmp/rpm-tmp.x: line 31: %pyproject_wheel: command not found`],
  ['spec', 'macros', `»error: line 3: Unknown tag: Foo: bar`],
  ['spec', 'macros', `»error: /builddir/build/SPECS/a.spec:12: bad %if condition:  >= 8`],
  ['spec', 'macros', `»error: line 9: Unclosed %if`],
  [
    'spec',
    'macros',
    `»error: line 12: Dependency tokens must begin with alpha-numeric, '_' or '/': BuildRequires: %{foo}`,
  ],
  [
    'spec',
    'dependency',
    `»error: Failed build dependencies:\n\tfoo-devel is needed by x-1.0-1.x86_64`,
  ],
  [
    'spec',
    'prep',
    `»error: Bad source: /builddir/build/SOURCES/a.tar.gz: No such file or directory`,
  ],
  ['%files', 'files', `»error: File not found: /builddir/build/BUILDROOT/x/usr/bin/a`],
  ['%files', 'files', `»error: Installed (but unpackaged) file(s) found:\n   /usr/bin/a`],
  ['%files', 'files', `»error: Empty %files file /builddir/build/BUILD/x/debugsourcefiles.list`],
  [
    '%files',
    'files',
    `»error: failed symlink: /builddir/x -> y: File exists\nerror: Generating build-id links failed`,
  ],
  ['%files', 'files', `»error: Arch dependent binaries in noarch package`],
  // dnf
  [
    'root',
    'dependency',
    `Updating and loading repositories:\nRepositories loaded.\nFailed to resolve the transaction:\n»No match for argument: foo-devel\nYou can try to add to command line:`,
  ],
  [
    'root',
    'dependency',
    `Failed to resolve the transaction:\nProblem: package a requires b\n»  - nothing provides libfoo.so.3 needed by a-1.0-1.x86_64 from fedora`,
  ],
  [
    'root',
    'dependency',
    `»No matching package to install: 'foo-devel'\nNot all dependencies satisfied\nError: Some packages could not be found.`,
  ],
  [
    'root',
    'dependency',
    `DEBUG util.py:461:  Error: \n»DEBUG util.py:461:   Problem: package a-1 requires b >= 2, but none of the providers can be installed\nDEBUG util.py:461:    - conflicting requests`,
  ],
  [
    'root',
    'infrastructure',
    `»Error: Failed to download metadata for repo 'fedora': Cannot prepare internal mirrorlist: Curl error (28): Timeout was reached for https://mirrors.example.org`,
  ],
  [
    'root',
    'infrastructure',
    `>>> Status code: 404 for https://example.org/repodata/repomd.xml\n»Failed to download metadata (baseurl: "https://example.org") for repository "x"`,
  ],
  [
    'root',
    'infrastructure',
    `»>>> Librepo error: Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried`,
  ],
  [
    'start',
    'network',
    `Cloning into '/tmp/x'...\n»fatal: repository 'https://example.org/x.git/' not found`,
  ],
  ['start', 'timeout', `+ make check\n»!! Copr timeout => sending INT`],
  [
    'start',
    'timeout',
    `Traceback (most recent call last):\n  File "x.py", line 1, in y\n»mockbuild.exception.commandTimeoutExpired: Timeout(3600) expired for command:`,
  ],
  // Harmless messages before the first error
  [
    '%build',
    'compile',
    `checking for error_at_line... yes\nfatal: not a git repository (or any of the parent directories): .git\n${'  CC a.o\n'.repeat(60)}»a.c:1:1: error: unknown type name 'x'`,
  ],
  [
    '%check',
    'test',
    `Traceback (most recent call last):\n  File "x.py", line 1, in y\nOSError: [Errno 28] No space left on device\nERROR: expected by a test\n»FAILED tests/a.py::test_b - assert 1 == 2`,
  ],
  [
    '%check',
    'test',
    `2026-11-30T12:00:01: error: expected by a test\n12:00:02: error: too\n»FAIL: a\n3 tests, 1 failed, 0 errors`,
  ],
  [
    '%check',
    'test',
    `0 errors so far\n${'ok 1\n'.repeat(40)}»12 successes / 2 failures / 0 errors / 0 pending`,
  ],
]

for (const [section, category, text] of MESSAGES)
  test(`"${text
    .split('\n')
    .find((line) => line.includes('»'))
    ?.replace('»', '')
    .trim()
    .slice(0, 60)}" in ${section} is ${category}`, () => {
    const begin =
      BEGIN[section] ?? `Executing(${section}): /bin/sh -e /var/tmp/rpm-tmp.x\n+ umask 022\n`
    const end =
      section in BEGIN ? '' : `error: Bad exit status from /var/tmp/rpm-tmp.x (${section})\n`
    const log = `${begin}${text}\n${end}\nRPM build errors:\n${END}`
    const line = log.split('\n').findIndex((each) => each.includes('»')) + 1
    const scanner = new FailureScanner()
    scanner.write(log.replace('»', ''))
    const details = scanner.details()
    assert.equal(details.category, category, JSON.stringify(details))
    assert.ok(
      Math.abs((details.line ?? 0) - line) <= 3,
      `expected line ${line}: ${JSON.stringify(details)}`,
    )
  })

const BEGIN: Record<string, string> = {
  start: 'Mock Version: 6.3\n',
  root: 'Start: dnf5 builddep\n',
  spec: 'Building target platforms: x86_64\n',
  '%files': 'Processing files: x-1.0-1.x86_64\n',
}
/** mock's own messages after a failure. */
const END = `Child return code was: 1
EXCEPTION: [Error('Command failed: \\n # rpmbuild', 1)]
Traceback (most recent call last):
  File "/usr/lib/python3.13/site-packages/mockbuild/trace_decorator.py", line 93, in trace
    result = func(*args, **kw)
mockbuild.exception.Error: Command failed:
`
