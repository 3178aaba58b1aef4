import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCategory } from '@copr/contract/failure'
import { FailureScanner } from './failure-scanner.ts'

/** Log excerpts as users quote them, most of which lack the beginning of the section. `»` marks the first error. */
const EXCERPTS: [string, FailureCategory, string, RegExp?][] = [
  // Not every FAILED line is about a test
  [
    'ninja in %build',
    'compile',
    `[3/9] Building C object a.o\nFAILED: a.o\n/usr/bin/cc -O2 -o a.o -c a.c\n»a.c:1:2: error: expected ';'\nninja: build stopped: subcommand failed.\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'ninja without a known message',
    'compile',
    `[3/9] Generating x\n»FAILED: [code=2] x.h\n./generate x.h\nx.h cannot be made\nninja: build stopped: subcommand failed.\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'ninja in %install',
    'install',
    `[0/1] Installing files.\n»FAILED: meson-install\nninja: build stopped: subcommand failed.\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%install)`,
  ],
  [
    'the kernel',
    'compile',
    `  BTFIDS  vmlinux\n»FAILED: load BTF from vmlinux: No such file or directory\nmake[1]: *** [Makefile:1: vmlinux] Error 255\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'a test script',
    'test',
    `»FAILED: 3 of 20\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%check)`,
  ],
  // Prefixes
  ...[
    '[   12s] ',
    '[ 1234s] [ 1230.123456] ',
    'BUILDSTDERR: ',
    'DEBUG util.py:446:  BUILDSTDERR: ',
    '2024-01-02T03:04:05.1234567Z ',
    '2024-01-02 03:04:05,678 ',
    '[2024-01-02T03:04:05.678Z] ',
    '2024-01-02T03:04:05.123456Z 01O ',
    '[03:04:05] ',
    '03:04:05 ',
    '#12 34.56 ',
    '| ',
    '[INFO] ',
    'Jan  2 03:04:05 host mock[123]: ',
  ].map((prefix): [string, FailureCategory, string] => [
    `the prefix "${prefix}"`,
    'files',
    `${prefix}Checking...\n»${prefix}error: Installed (but unpackaged) file(s) found:\n${prefix}   /usr/bin/a\n${prefix}\n${prefix}RPM build errors:\n${prefix}    Installed (but unpackaged) file(s) found:`,
  ]),
  // Memory, disk and time limits
  [
    'the kernel out of memory',
    'resources',
    `[   90s] »[   88.123456] Out of memory: Kill process 77 (cc1plus) score 900 or sacrifice child\n[   91s] FAILED: a.o\n[   91s] c++: internal compiler error: Killed (program cc1plus)\n[   92s] error: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'a control group out of memory',
    'resources',
    `»cc1plus invoked oom-killer: gfp_mask=0xcc0, order=0\nMemory cgroup out of memory: Killed process 9 (cc1plus)\nmake: *** [a.o] Error 1\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%check)`,
  ],
  [
    'the compiler killed',
    'resources',
    `»g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\nmake: *** [a.o] Error 1\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'the disk full',
    'resources',
    `a.c:1:1: warning: unused\n»/tmp/a.s: fatal error: error writing to /tmp/a.s: No space left on device\nmake: *** [a.o] Error 1`,
  ],
  ['a quota', 'resources', `»cp: error writing 'a': Disk quota exceeded\nmake: *** [a] Error 1`],
  [
    'an OBS worker that receives no output',
    'timeout',
    `[  100s] ok 3 - c\n\n»Job seems to be stuck here, killed. (after 28800 seconds of inactivity)`,
  ],
  ['Copr', 'timeout', `+ sleep 1\n»!! Copr timeout => sending INT\nCopr build error: Build failed`],
  [
    'Jenkins',
    'timeout',
    `+ sleep 1\n»Build timed out (after 30 minutes). Marking the build as aborted.`,
  ],
  ['GitLab', 'timeout', `+ sleep 1\n»ERROR: Job failed: execution took longer than 1h0m0s seconds`],
  [
    'timeout(1)',
    'timeout',
    `+ timeout -v 10 make\n»timeout: sending signal TERM to command 'make'\nmake: *** [a] Terminated\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  // Neither a section nor a known message
  ['nothing known', 'compile', `running step 4\nstep 4 gave up`, /read its end/],
  [
    "rpm's list alone",
    'files',
    `RPM build errors:\n»    File not found: /root/rpmbuild/BUILDROOT/a-1-1.x86_64/usr/bin/a`,
  ],
  [
    "an error of the spec in rpm's final list",
    'macros',
    `RPM build errors:\n    Macro expanded in comment on line 3: %{x}\n»    line 12: Unknown tag: Foo: bar`,
  ],
  ['only make', 'compile', `»make: *** [Makefile:3: all] Error 2`],
  // Tests outside of %check
  [
    'Boost.Test',
    'test',
    `Running 3 test cases...\n»a.cpp(12): fatal error in "t1": critical check x == 1 failed\n\n*** 1 failure detected in test suite "a"`,
  ],
  [
    'newer Boost.Test',
    'test',
    `»a.cpp(12): error: in "t1": check x == 1 has failed\n*** 1 failure is detected in the test module "a"`,
  ],
  ['Qt Test', 'test', `PASS   : A::init()\n»FAIL!  : A::b() Compared values are not the same`],
  [
    'Catch2',
    'test',
    `»a.cpp:12: FAILED:\n  REQUIRE( x == 1 )\n===\ntest cases: 2 | 1 passed | 1 failed`,
  ],
  [
    'doctest',
    'test',
    `»a.cpp(12): ERROR: CHECK( x == 1 ) is NOT correct!\n  values: CHECK( 2 == 1 )`,
  ],
  ['CppUnit', 'test', `»!!!FAILURES!!!\nTest Results:\nRun:  2   Failures: 1   Errors: 0`],
  ['Go', 'test', `=== RUN   TestA\n»--- FAIL: TestA (0.00s)\n    a_test.go:3: no\nFAIL`],
  ['TAP', 'test', `ok 1 - a\n»not ok 2 - b\n# 1 of 2`],
  ['JUnit 4', 'test', `»Tests run: 3,  Failures: 1\n`],
  [
    'a compiler error in the same form as Boost.Test',
    'compile',
    `»a.cs(3,14): error CS0103: The name 'x' does not exist\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  // Downloads
  [
    'Maven',
    'network',
    `»[ERROR] Failed to execute goal on project a: Could not resolve dependencies\n[ERROR] Could not transfer artifact b: repo.example.org: Unknown host repo.example.org\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'npm',
    'network',
    `»npm ERR! request to https://registry.example.org/a failed, reason: getaddrinfo EAI_AGAIN registry.example.org\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
  ],
  [
    'an old curl',
    'network',
    `»curl: (7) Failed connect to example.org:443; Connection refused\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%install)`,
  ],
  [
    'git',
    'network',
    `Cloning into 'a'...\n»fatal: unable to access 'https://example.org/a.git/': Could not resolve host: example.org\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%prep)`,
  ],
  [
    "the build system's own dist-git",
    'infrastructure',
    `Running: git clone https://dist-git.example.org/git/a/b/c\n»fatal: unable to access 'https://dist-git.example.org/git/a/b/c/': Could not resolve host: dist-git.example.org`,
  ],
  // Damaged source packages
  [
    'a damaged source package',
    'verification',
    `warning: user a does not exist - using root\n»error: unpacking of archive failed on file /root/rpmbuild/SOURCES/a.tar.gz;5: cpio: read failed - Inappropriate ioctl\nerror: a-1-1.src.rpm cannot be installed`,
  ],
  [
    'a digest',
    'verification',
    `»error: a-1-1.src.rpm: Payload SHA256 digest: BAD (Expected a != b)`,
  ],
  // Other languages
  [
    'French',
    'install',
    `+ make install\n»make: *** [Makefile:3: install] Error 1\nerreur : Mauvais statut de sortie pour /var/tmp/rpm-tmp.a1B2c3 (%install)\n\nErreurs de construction RPM :\n    Mauvais statut de sortie pour /var/tmp/rpm-tmp.a1B2c3 (%install)`,
  ],
  [
    'Chinese',
    'prep',
    `+ cd a\n»+ ./step\n错误：/var/tmp/rpm-tmp.NUKkwS (%prep) 退出状态不好\n\nRPM 构建错误：\n    /var/tmp/rpm-tmp.NUKkwS (%prep) 退出状态不好`,
  ],
  [
    'Italian',
    'files',
    `Requires(rpmlib): rpmlib(CompressedFileNames) <= 3.0.4-1\n»errore: File /root/a.list vuoto nella sezione %files\n\nErrori di compilazione RPM:`,
  ],
  [
    'Japanese',
    'files',
    `»エラー: ファイルが見つかりません: /root/rpmbuild/BUILDROOT/a-1-1.x86_64/usr/bin/a\n\nRPM ビルドエラー:`,
  ],
  [
    'Russian',
    'dependency',
    `»ошибка: Неудовлетворенные зависимости сборки:\n\tb нужен для a-1-1.x86_64`,
  ],
  [
    'a section in German',
    'test',
    `Ausführen(%check): /bin/sh -e /var/tmp/rpm-tmp.a1B2c3\n+ umask 022\n»FAILED tests\nFehler: Fehler-Status beim Beenden von /var/tmp/rpm-tmp.a1B2c3 (%check)`,
  ],
  [
    'unpackaged files in Chinese',
    'files',
    `»错误：发现已安装(但未打包的)文件：\n   /usr/bin/a\n\nRPM 构建错误：\n    发现已安装(但未打包的)文件：\n   /usr/bin/a`,
  ],
  ['a line of the spec in French', 'macros', `»erreur : ligne 12: Balise inconnue: Foo: bar`],
  [
    'OBS without a package',
    'dependency',
    `»[ 5s] unresolvable: nothing provides foo-devel`,
    /foo-devel/,
  ],
  [
    'a gem',
    'network',
    `»ERROR:  Could not find a valid gem 'a' (>= 0), here is why:\n          Unable to download data from https://rubygems.org/ - no such name`,
  ],
  // Several candidates for the first error
  [
    'rpm before mock',
    'macros',
    `»error: line 38: Unknown tag: Foo: bar\nBuilding target platforms: noarch\nBuilding for target noarch\nChild return code was: 1\nEXCEPTION: [Error()]\nTraceback (most recent call last):\n  File "a.py", line 1, in b\nmockbuild.exception.Error: x`,
  ],
  [
    'tar in %install',
    'install',
    `+ tar xf a.tar\n»tar: a.tar: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%install)`,
    /archive a\.tar is missing/,
  ],
  [
    'tar without a section',
    'prep',
    `+ tar xf a.tar\n»tar (child): a.tar: Cannot open: No such file or directory\ntar (child): Error is not recoverable: exiting now\ntar: Child returned status 2`,
    /archive a\.tar is missing/,
  ],
  [
    'a missing document',
    'files',
    `[1/1] Packing\nFAILED: rpm\n»cp: cannot stat 'NEWS': No such file or directory\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%license)`,
  ],
  [
    'a module of Perl',
    'dependency',
    `»Can't locate Foo/Bar/Baz.pm in @INC (you may need to install the Foo::Bar::Baz module)\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
    /perl\(Foo::Bar::Baz\)/,
  ],
  // Missing modules and programs
  [
    'an import of Go',
    'dependency',
    `package example.org/a\n»\timports example.org/b/c: cannot find package "example.org/b/c" in any of:\n\t/usr/lib/golang/src/example.org/b/c (from $GOROOT)\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
    /example\.org\/b\/c/,
  ],
  [
    'a module of Go behind a file',
    'dependency',
    `»cmd/a.go:5:2: no required module provides package example.org/b: go.mod file not found in current directory or any parent directory; see 'go help modules'`,
    /module example\.org\/b,/,
  ],
  [
    'a sum of Go',
    'dependency',
    `»a.go:3:2: missing go.sum entry for module providing package example.org/b (imported by example.org/a); to add:\n\tgo get example.org/a`,
  ],
  [
    'a header without a section',
    'dependency',
    `»a.c:3:10: fatal error: b.h: No such file or directory\n #include "b.h"\n          ^~~~~\ncompilation terminated.\nmake: *** [a.o] Error 1`,
    /b\.h/,
  ],
  [
    'a header of Qt',
    'dependency',
    `»a.cpp:3:10: fatal error: QWidget: No such file or directory\n    3 | #include <QWidget>\ncompilation terminated.`,
    /QWidget/,
  ],
  [
    'the linker of another toolset',
    'dependency',
    `»/opt/x/root/usr/libexec/gcc/x86_64-redhat-linux/9/ld: cannot find -lfoo\ncollect2: error: ld returned 1 exit status`,
    /-devel package of foo/,
  ],
  [
    'a crate',
    'dependency',
    `»error[E0463]: can't find crate for \`core\`\n  = note: the target may not be installed\nerror: could not compile \`a\``,
  ],
  [
    'a package of Java',
    'dependency',
    `»A.java:3: error: package org.example.b does not exist\nimport org.example.b.C;`,
    /org\.example\.b/,
  ],
  [
    'a module of Fortran',
    'dependency',
    `a.f90:3:6:\n\n    3 |   use b\n      |      1\n»Fatal Error: Cannot open module file 'b.mod' for reading at (1): No such file or directory\ncompilation terminated.`,
  ],
  [
    'a package of Vala',
    'dependency',
    `»error: Package \`foo-1.0' not found in specified Vala API directories or GObject-Introspection GIR directories`,
    /foo-1\.0/,
  ],
  [
    'the C++ compiler',
    'dependency',
    `»gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory\ncompilation terminated.`,
    /program cc1plus/,
  ],
  [
    'a program that Python runs',
    'dependency',
    `Traceback (most recent call last):\n  File "setup.py", line 3, in <module>\n    version()\n»FileNotFoundError: [Errno 2] No such file or directory: 'git'\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
    /program git/,
  ],
  [
    'the headers of the kernel',
    'dependency',
    `make -C /lib/modules/6.1.0/build M=/b modules\n»make[1]: *** /lib/modules/6.1.0/build: No such file or directory.  Stop.\nmake: *** [all] Error 2`,
    /kernel-devel/,
  ],
  [
    "the end of CMake's message",
    'dependency',
    `»  Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)\nCall Stack (most recent call first):\n  CMakeLists.txt:3 (find_package)`,
    /ZLIB/,
  ],
  // For cargo, the last cause decides
  [
    'vendored crates that are not there',
    'prep',
    `»error: failed to get \`a\` as a dependency of package \`b v1.0.0\`\n\nCaused by:\n  failed to load source for dependency \`a\`\n\nCaused by:\n  Unable to update registry \`crates-io\`\n\nCaused by:\n  failed to update replaced source registry \`crates-io\`\n\nCaused by:\n  failed to read root of directory source: /b/vendor\n\nCaused by:\n  No such file or directory (os error 2)\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%build)`,
    /\/b\/vendor/,
  ],
  [
    'crates that must be downloaded',
    'network',
    `»error: failed to get \`a\` as a dependency of package \`b v1.0.0\`\n\nCaused by:\n  failed to load source for dependency \`a\`\n\nCaused by:\n  Unable to update registry \`crates-io\`\n\nCaused by:\n  download of config.json failed`,
  ],
  // Prefixes, some of which are removed only before known messages
  ...[
    '    ',
    '\t',
    '[error] ',
    '[ERROR] ',
    '     [exec] ',
    '[centos 9] ',
    '    default: ',
    '      a_test.go:12: #18 70.44 ',
    'app_1  | ',
    '##[error]',
    'build\tRun make\t2024-01-02T03:04:05.1234567Z ',
    '> ',
    '0.532 ',
  ].map((prefix): [string, FailureCategory, string] => [
    `the prefix ${JSON.stringify(prefix)}`,
    'macros',
    `begin\n»${prefix}error: line 3: Unknown tag: Foo: b\nend`,
  ]),
  [
    'commands of the shell behind a prefix',
    'install',
    `[info] Executing(%install): /bin/sh -e /tmp/rpm-tmp.1\n[error] + '[' -e /b/no-error ']'\n[error] + mv '/b/missing/*' /c\n[error] + true\n[error] + true\n»[error] mv: rename /b/missing/* to /c/*: No such file or directory\n[error] error: Bad exit status from /tmp/rpm-tmp.1 (%install)`,
  ],
  // Errors in the spec, without a section
  ...[
    'error: Unknown icon type: a.png',
    'error: bare words are no longer supported, please use "...":  a == b',
    'error: Package has no %description: a',
    'error: line 3: Tag takes single token only: Name: a b',
    "error: line 5: Dependency tokens must begin with alpha-numeric, '_' or '/': BuildRequires: %{a}",
    'error: Macro %a has empty body',
    'error: line 7: Unclosed %if',
    "error: Illegal char '-' (0x2d) in: 1-2",
    'error: Duplicate tag: Version',
    'error: /b/a.spec:9: bad %if condition: x',
    'error: %changelog not in descending chronological order',
    'error: Name field must be present in package: (main package)',
    "ValueError: can't parse specfile",
  ].map((line): [string, FailureCategory, string] => [
    line,
    'macros',
    `rpmbuild -bb a.spec\n»${line}`,
  ]),
  [
    'a macro in the argument of a program',
    'macros',
    `+ /usr/lib/rpm/check-buildroot\n»xargs: invalid number "%{_cpus}" for -P option\nTry 'xargs --help' for more information.\nerror: Bad exit status from /var/tmp/rpm-tmp.a (%install)`,
    /%\{_cpus\}/,
  ],
  // Transactions and repositories
  [
    'packages larger than the disk',
    'resources',
    `Error: Transaction check error:\n»  installing package a-1-1.x86_64 needs 20MB more space on the / filesystem`,
  ],
  [
    'the summary of a full disk',
    'resources',
    `Error Summary\n-------------\nDisk Requirements:\n»   At least 20MB more space needed on the / filesystem.`,
  ],
  [
    'two packages with one file',
    'dependency',
    `Running transaction test\n»Error: Transaction test error:\n  file /usr/bin/a from install of a-1-1.noarch conflicts with file from package b-1-1.noarch`,
  ],
  [
    'the signature of a repository',
    'infrastructure',
    `Updating and loading repositories:\n»>>> repomd.xml GPG signature verification error: Signing key not found`,
    /GPG key/,
  ],
  [
    'the index of a repository',
    'infrastructure',
    `»https://mirror.example.org/el7/repodata/repomd.xml: [Errno 14] HTTP Error 404 - Not Found\nTrying other mirror.`,
  ],
  [
    'the mirrors of a repository',
    'infrastructure',
    `»Error: Failed to download metadata for repo 'a': Cannot prepare internal mirrorlist: No URLs in mirrorlist`,
  ],
  // Packages of the chroot itself
  [
    'the base packages',
    'infrastructure',
    `Start: installing minimal buildroot with dnf5\n»No match for argument: buildsys-build\nError: Unable to find a match`,
    /chroot/,
  ],
  [
    'the base packages in a resolver',
    'infrastructure',
    `Error:\n» Problem: cannot install the best candidate for the job\n  - nothing provides foo needed by rpm-build-4.19-1.x86_64`,
    /chroot/,
  ],
  [
    'the package manager of the bootstrap',
    'infrastructure',
    `»No match for argument: python3-dnf\nError: Unable to find a match: python3-dnf`,
    /chroot/,
  ],
  [
    "a package that only begins like one of the chroot's",
    'dependency',
    `»No matching package to install: 'bash-completion-devel'`,
  ],
  [
    'the scripts of OBS',
    'infrastructure',
    `»[    9s] Can't locate A/B.pm in @INC (@INC contains: /.build) at /.build/c line 3.`,
  ],
  // mock's last lines
  [
    "mock's summary before the cause",
    'infrastructure',
    `ERROR: Exception(/a/b.spec) Config(a-1-x86_64) 1 minutes 2 seconds\nINFO: Results and/or logs in: /a\nERROR: Command failed: \n # /usr/bin/systemd-nspawn -q -M a /usr/bin/dnf5 install b\nUpdating and loading repositories:\n»>>> Librepo error: Cannot download repodata`,
  ],
  [
    "mock's summary after the cause",
    'compile',
    `»a.c:1:2: error: expected ';'\nERROR: Exception(a.src.rpm) Config(a-1-x86_64) 1 minutes 2 seconds\nINFO: Results and/or logs in: /a\nERROR: Command failed:\n # /usr/bin/systemd-nspawn -q -M a bash --login -c /usr/bin/rpmbuild -bb a.spec`,
  ],
  // Timeouts
  ...[
    'Cancelling nested steps due to timeout',
    'Sending interrupt signal to process',
    'qemu-system-x86_64: terminating on signal 15 from pid 9 ()',
    'Terminated',
    '##[error]The job running on runner A has exceeded the maximum execution time of 360 minutes.',
    'The job running on agent A ran longer than the maximum time of 60 minutes.',
    'No output has been received in the last 10m0s, this potentially indicates a stalled build',
    'rpc error: context deadline exceeded',
    'E: Build killed with signal TERM after 150 minutes of inactivity',
    "##[error]The action 'Build' has timed out after 60 minutes.",
    'make: *** [Makefile:3: all] Terminated',
    'Error: The operation was canceled.',
  ].map((line): [string, FailureCategory, string] => [line, 'timeout', `+ ./build\n»${line}`]),
  // Sections that only the command, the target or the path reveals
  [
    'the target install',
    'install',
    `»make[1]: *** [Makefile:9: install-data] Error 1\nmake: *** [install] Error 2`,
  ],
  [
    'the target check',
    'test',
    `»make[1]: *** [Makefile:9: check-TESTS] Error 1\nmake: *** [check] Error 2`,
  ],
  [
    'the buildroot',
    'install',
    `»cp: cannot create regular file '/b/BUILDROOT/a-1-1.x86_64/usr/bin/a': No such file or directory`,
  ],
  ['the command of %install', 'install', `+ make install DESTDIR=/b\n»make: *** [a] Error 1`],
  ['the command of %check', 'test', `+ make -j4 check\n»make: *** [a] Error 1`],
  // Logs of a single line
  ...(
    [
      ['infrastructure', 'Cannot connect to the Docker daemon at unix:///a. Is it running?'],
      ['infrastructure', 'exec /bin/a: exec format error'],
      ['infrastructure', 'Directory tree /a/root is currently busy.'],
      ['dependency', 'unresolvable: have choice for a needed by b: c d'],
      ['dependency', "Need executable 'rpmbuild' to convert dir to rpm"],
      ['dependency', 'The system library `foo` required by crate `foo-sys` was not found.'],
      ['dependency', 'error: rustc 1.60.0 is not supported by the following packages:'],
      ['prep', 'error: Bad file: /results/a-sources.tar.gz: No such file or directory'],
      ['dependency', 'ERROR:a:cargo-b is not installed. Install it, and try again.'],
      ['dependency', 'which: no xmlto in (/usr/bin:/usr/sbin)'],
      ['infrastructure', 'gave up after 3 failed build attempts...'],
      ['infrastructure', 'No such command: builddep. Please use /usr/bin/dnf --help'],
      ['install', "install: cannot create regular file '/usr/bin/a': Permission denied"],
      ['network', "> Could not GET 'https://example.org/a'. Received status code 403"],
      ['network', 'curl: (60) SSL certificate problem: unable to get local issuer certificate'],
      ['network', 'urllib.error.HTTPError: HTTP Error 404: Not Found'],
      ['network', '2024-01-02 03:04:05 ERROR 404: Not Found.'],
      ['verification', 'verifying example.org/a@v1.0.0: checksum mismatch'],
      ['verification', 'npm ERR! code EINTEGRITY'],
      ['files', 'error: Generating build-id links failed'],
      ['files', '    Installed (but unpackaged) file(s) found:'],
      ['prep', 'error: Bad file: /a/SOURCES/b.tar.gz: No such file or directory'],
      ['install', 'No translations found for a in /b/BUILDROOT/a-1-1.x86_64'],
      ['test', '12. a.at:34: 12. reads a file (a.at:34): FAILED (a.at:40)'],
      ['resources', 'Out of memory!'],
      [
        'resources',
        'time="2024-01-02T03:04:05Z" level=fatal msg="write /a: no space left on device"',
      ],
      ['resources', "The command '/bin/sh -c make' returned a non-zero code: 137"],
      ['macros', '    File must begin with "/": %{a_dir}/b'],
      ['macros', 'error: /a/b.spec: line 5: failed to load macro file /a/macros.b'],
      ['macros', '[31merror: line 3: Empty tag: Version:[0m'],
      [
        'macros',
        '{:timestamp=>"2024-01-02T03:04:05.6+0000", :message=>"error: line 3: Empty tag: Version:", :level=>:info}',
      ],
    ] as const
  ).map(([category, line]): [string, FailureCategory, string] => [
    line,
    category,
    `begin\n»${line}`,
  ]),
  // Failures of the build system itself
  [
    'a sandbox that does not start',
    'infrastructure',
    `Start: chroot\n»su: Permission denied\nFinish: chroot\nTraceback (most recent call last):\n  File "a.py", line 1, in b\nsubprocess.CalledProcessError: Command failed`,
  ],
  [
    'a machine of OBS',
    'infrastructure',
    `[    1s] init_buildsystem --cachedir a b.spec ...\n[    3s] »unpack failed.\n[    7s] tar: Exiting with failure status due to previous errors`,
  ],
]

for (const [name, category, text, hint] of EXCERPTS)
  test(`the category and the first error of a log excerpt are found: ${name}`, () => {
    const marked = text.split('\n').findIndex((line) => line.includes('»')) + 1
    const scanner = new FailureScanner()
    scanner.write(`${text.replace('»', '')}\n`)
    const details = scanner.details()
    assert.equal(details.category, category, JSON.stringify(details))
    if (marked > 0) assert.equal(details.line, marked, JSON.stringify(details))
    if (hint) assert.match(details.hint, hint)
  })
