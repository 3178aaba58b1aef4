import { type Finding, likely, sure, weak } from '../rule.ts'

const HEADER = 'Add the package that contains $1 to BuildRequires (dnf provides "*/$1").'
const MODULE = 'Add the package of $1 to BuildRequires.'
const LIBRARY = 'Add the -devel package of $1 to BuildRequires.'

/** Matches an error about a header that does not exist. */
const MISSING_HEADER =
  /(?:fatal )?error: ['"‘“]?([\w./+-]{1,200}\.(?:h|hh|hpp|hxx|H|inc|ipp))['"’”]?(?:: No such file or directory| file not found)/
/** Matches the same error in a header that belongs to the sources; what it includes is likely to belong to the sources as well. */
const MISSING_IN_OWN_HEADER = new RegExp(
  String.raw`^[^/\s:][^\s:]{0,200}\.(?:h|hh|hpp|hxx):\d+:\d+: ${MISSING_HEADER.source}`,
)
const QUOTED: Finding = {
  pattern: /^ *\d* *\|? *#\s*(?:include|import)\s+"/,
  category: 'compile',
  hint: 'The header is part of the sources, or of a package that is missing from BuildRequires.',
}

/** Rules for messages of compilers and linkers. */
export const COMPILERS = [
  ...sure(
    {
      pattern: MISSING_HEADER,
      only: ['%conf', '%build', '%install', '%check'],
      strict: true,
      category: 'dependency',
      hint: HEADER,
      below: [QUOTED],
    },
    {
      pattern: MISSING_IN_OWN_HEADER,
      category: 'dependency',
      hint: HEADER,
      below: [QUOTED],
    },
    {
      pattern: MISSING_HEADER,
      category: 'dependency',
      hint: HEADER,
    },
    // The names of some headers, such as those of C++ and Qt, have no suffix.
    {
      pattern:
        /fatal error: ['‘]?(?![^:\s]{1,200}\.(?:c|cc|cpp|cxx|C|m|s|S|f|f90|y|l|o|a|so)\b)([\w./+-]{1,200})['’]?(?:: No such file or directory| file not found)$/,
      category: 'dependency',
      hint: HEADER,
    },
    {
      pattern:
        /^(?:\S{1,300}: )?(?:fatal )?error: (?:no such module ['`]([\w.-]+)['`]|[Pp]ackage [`']([\w.+-]+)['’] not found in specified Vala)|^Fatal Error: (?:Cannot|Can't) open module file [‘'`]([\w.-]+)['’`]|: Fatal Error: (?:Cannot|Can't) open module file [‘'`]([\w.-]+)['’`]|\bunable to read module [`'](\S+?)[`']|error: package ([\w.]+) does not exist|error CS0246: .{0,60}'([\w.]+)'|: error NU1\d{3}: .{0,40}?package ([\w.-]+)|error\[E0463\]: can't find crate for `([\w-]+)`|: Fatal: Can(?:'t|not) find unit (\w+)|: error: (?:unknown project file|imported project file): "([\w.-]+)"|: imported project file "([\w.-]+)" not found|(\S{1,200}\.proto): File not found|Couldn't find include '([\w.-]+\.gir)'|(?:Namespace|[Tt]ypelib file for namespace) '?([\w.-]+)'?.{0,40} not (?:found|available)|ArgumentError: Package (\w+) not found in current path/,
      category: 'dependency',
      hint: MODULE,
    },
    {
      pattern:
        /(?:^|[ /])(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|gfortran)(?:-\d+)?: (?:fatal )?error: (?:error trying to exec|cannot execute) ['‘]?([\w+.-]+)|unable to execute '([\w+./-]+)'|error: command '([\w+./-]+)' failed: No such file|error: linker `([\w+./-]+)` not found|exec: "([^"]{1,100})": executable file not found|Cannot run program "([^"]{1,100})".{0,60}error=2|\bspawn ([\w.+-]{1,60}) ENOENT|^FileNotFoundError: \[Errno 2\] No such file or directory: '([a-z][\w+-]{1,40})'$|Can't exec "([\w.+-]{1,60})": No such file|^sudo: ([\w.+-]{1,60}): command not found|[Nn]eed executable '([\w.+-]{1,60})'|(?:running|executing|execute|spawn|run) [`'"]?(rpmbuild)['"`]?: .{0,40}(?:No such file|not found)|(rpmbuild): (?:command )?not found/,
      category: 'dependency',
      hint: 'Add the package that contains the program $1 to BuildRequires.',
      only: ['%prep', '%conf', '%build', '%install', '%generate_buildrequires'],
    },
    {
      pattern:
        /^make(?:\[\d+\])?: \*{3} (\/(?:usr\/)?(?:lib\/modules|src\/kernels|usr\/src|src)\/\S{1,200}): No such file or directory\. {1,3}Stop/,
      category: 'dependency',
      hint: 'Add kernel-devel to BuildRequires: $1 is missing.',
    },
    {
      pattern:
        /^\/usr\/(?:s?bin|libexec)\/\S{1,200}: error while loading shared libraries: (\S+?):/,
      category: 'dependency',
      hint: 'Add the package that contains $1 to BuildRequires.',
      only: ['%prep', '%conf', '%build', '%generate_buildrequires'],
    },
    {
      pattern:
        /^The system library `([\w.+-]{1,80})` required by crate|^\s{0,8}Could not find directory of (\w{1,40}) installation|\bUnable to find (libclang)\b/,
      category: 'dependency',
      hint: LIBRARY,
    },
    { pattern: /\.ml\w?", line/, category: 'compile' },
    {
      pattern:
        /^(?:\S{0,200}[/-])?ld(?:\.\w+)?: (?:cannot find (?:-l(\S+?)(?::.*)?$|((?:crt|lib)[\w.+-]+))|library not found for -l(\S+)|error: unable to find library -l(\S+)|library not found)|^mold: (?:fatal|error): library not found: (\S+)/,
      category: 'dependency',
      hint: LIBRARY,
    },
    {
      pattern:
        /: undefined reference to |undefined symbol: |: multiple definition of |relocation R_\w+ against .{0,200}can ?not be used|: undefined hidden symbol|DSO missing from command line|duplicate symbol: /,
      category: 'compile',
      hint: 'Link with the library that defines the symbol; if it is in a package, add that to BuildRequires.',
      only: ['%build', '%install', '%check', '%conf'],
    },
    {
      pattern:
        /internal compiler error|^PLEASE (?:submit|ATTACH)|clang\S*: error: clang frontend command failed/,
      category: 'compile',
      hint: 'The compiler has crashed: try other options, or report the bug.',
    },
    // gcc, g++, clang, gfortran, javac, valac, as, bison, mcs …
    {
      pattern:
        /^(?:In file included from )?(?![\d.T-]{1,30}:)[^\s:'"`(]{1,300}:\d+(?:[:.]\d+)*(?:-\d+(?:\.\d+)?)?: (?:fatal |syntax |Fatal )?[Ee]rror\b/,
      category: 'compile',
      below: [
        {
          pattern: /^\s{0,20}Could not (?:find|load) module [`'‘]([^'’]+)['’]/,
          category: 'dependency',
          hint: MODULE,
        },
      ],
    },
    {
      pattern: /^[^\s:(][^:(]{0,300}\(\d+(?:,\d+)*\): (?:fatal )?error(?: [A-Z]{1,6}\d{1,6})? ?:/,
      category: 'compile',
    },
    { pattern: /^\S{1,300}:\d+:(?:\d+:)? *(?:Fatal )?Error: /, category: 'compile' },
    {
      pattern:
        /^(?:\S{0,60}(?:cc|c\+\+|g\+\+|gcc|clang|clang\+\+|cc1|cc1plus|cpp|lto1|f951|gfortran|collect2|lto-wrapper|ld\.lld|ld\.gold|ld|as|flang|nvcc|ldc2|gdc)(?:-\d+)?): (?:fatal error|error): /,
      category: 'compile',
      below: [],
    },
    {
      pattern:
        /^error(?:\[E\d{4}\])?: (?:failed to run custom build command|linking with|cannot find|unresolved|mismatched|expected|use of |could not find `|environment variable|unused|type |function |missing |borrowed|failed to resolve|unexpected)/,
      category: 'compile',
      below: [
        {
          pattern:
            /[Cc]ould not find `(?:lib)?([\w-]+)`|The system library `([\w.+-]+)`|Could not find directory of (\w+) installation|Unable to find (libclang)/,
          category: 'dependency',
          hint: LIBRARY,
        },
        {
          pattern: /is `cmake` not installed\?|pkg-config command could not be found/,
          category: 'dependency',
        },
      ],
      only: ['%build', '%install', '%check', '%conf'],
    },
    { pattern: /^error\[E\d{4}\]: /, category: 'compile' },
    // Go
    {
      pattern:
        /(?:^|[:\s])(?:cannot find package "([^"]{1,300})"|no required module provides package ([^\s:;]{1,300})|cannot find module (?:providing package |for path )([^\s:;]{1,300})|missing go\.sum entry for (?:module providing package |go\.mod file.{0,20}|)(\S{0,300})|import lookup disabled by -mod=vendor)/,
      category: 'dependency',
      hint: 'Vendor the Go module $1, or add its package to BuildRequires.',
    },
    {
      pattern:
        /^(?:\S{1,200}\.go:\d+(?::\d+)?: )?(?:cannot find package "([^"]+)"|no required module provides package (\S+?);|package (\S+) is not in (?:std|GOROOT)|cannot find module providing package (\S+?):?(?: |$)|cannot find main module)/,
      category: 'dependency',
      hint: 'Vendor the Go module $1, or add its package to BuildRequires.',
    },
    {
      pattern:
        /^(?:go: )?(?:inconsistent vendoring|updates to go\.mod needed|.{1,200}: missing go\.sum entry|module lookup disabled|go\.mod requires go|errors parsing go\.mod)|^go: .{1,200}(?:requires go >=|toolchain not available|invalid version|unknown revision)/,
      category: 'dependency',
    },
    {
      pattern: /^(?:vet: )?\.{0,2}\/?[\w./@+-]{1,200}\.go:\d+(?::\d+)?: (?!warning)/,
      category: 'compile',
      only: ['%build', '%install', '%conf'],
    },
    {
      pattern:
        /^(?:vet: )?\.{0,2}\/?[\w./@+-]{1,200}\.go:\d+:\d+: (?:undefined|cannot use|syntax error|.{1,60} declared and not used|.{1,80} imported and not used|missing return|too many|not enough|invalid)/,
      category: 'compile',
    },
    // Haskell, OCaml, Java, TypeScript, D, Pascal
    {
      pattern: /^(?:Error: )?.{0,20}Could not find module [`‘']([^'’]+)['’]/,
      category: 'dependency',
      hint: MODULE,
    },
    {
      pattern:
        /Encountered missing or private dependencies|^Error: Library "([^"]+)" not found|^ocamlfind: Package `([^']+)' not found|^Error: Unbound module (\S+)/,
      category: 'dependency',
      hint: MODULE,
    },
    {
      pattern:
        /^Error: (?:This expression|Unbound|Syntax error|Some fatal warnings|Signature mismatch|Module |The implementation)|^File ".{1,200}", lines? \d+(?:-\d+)?, characters \d+-\d+:/,
      category: 'compile',
    },
    {
      pattern:
        /^\s*(?:\[\w+\] )?(?:\[ERROR\] )?\S{1,300}\.(?:java|scala|kt|groovy):(?:\[?\d+(?:[,:]\d+)?\]?:?) (?:error|cannot|package .{1,100} does not exist|incompatible|class|method|variable|unmappable|reference to|unreported|')/,
      category: 'compile',
      below: [],
    },
    { pattern: /^\[ERROR\] COMPILATION ERROR/, category: 'compile' },
    { pattern: /^\s*\[javac\] \S{1,300}:\d+: error/, category: 'compile' },
    {
      pattern: /^\S{1,300}\.\w?tsx?(?:\(\d+,\d+\)|:\d+:\d+)(?: -|:) error TS(?:2307|7016)/,
      category: 'dependency',
    },
    {
      pattern: /^\S{1,300}\.\w?tsx?(?:\(\d+,\d+\)|:\d+:\d+)(?: -|:) error TS\d+/,
      category: 'compile',
    },
    { pattern: /^\s*(?:\S{1,200}: )?Assembler messages:$/, category: 'compile' },
    {
      pattern: /^lto1: fatal error|^Undefined symbols|^ld: error: |^mold: (?:fatal|error): /,
      category: 'compile',
    },
    { pattern: /cc1(?:plus)?: (?:all|some) warnings being treated as errors/, category: 'compile' },
  ),
  ...likely(
    { pattern: /^error: could not compile `|^error: aborting due to/, category: 'compile' },
    {
      pattern: /ld returned \d+ exit status|linker command failed|^collect2: error/,
      category: 'compile',
    },
  ),
]

/** Rules for messages of tools that configure a build, of make and of similar tools. */
export const BUILD_TOOLS = [
  ...sure(
    // autotools
    {
      pattern: /^configure: error: .*(?:acceptable C\S* compiler)/,
      category: 'dependency',
      hint: 'Add gcc or gcc-c++ to BuildRequires.',
    },
    {
      pattern:
        /^configure: error: (?:Package requirements \(([^)]{1,200})\)|.{0,200}(?:not found|[Nn]ot? find|[Mm]issing|required|requires?\b|[Nn]eed|not installed|install |unable to find|couldn't find|could not|is not available|not usable|too old|cannot find|No package|library|header|devel))/,
      category: 'dependency',
      hint: 'Add these modules of pkg-config to BuildRequires: $1.',
    },
    {
      pattern:
        /^configure: error: (?!in [`'])|^\S{0,200}\/configure: (?:line \d+: )?(?:error|syntax error)/,
      category: 'compile',
      hint: 'See config.log for the details; configure stops there.',
    },
    {
      pattern:
        /^(?:autoreconf|aclocal|automake|autoconf|autopoint|autom4te|libtoolize)(?:-[\d.]+)?: (?:error: |command not found)|^Can't exec "(?:aclocal|automake|autoconf|autopoint|libtoolize|gtkdocize|intltoolize|autoreconf)"|possibly undefined macro: /,
      category: 'compile',
      hint: 'If a macro is undefined, add the package that has it to BuildRequires: autoconf-archive, libtool, gettext-devel, pkgconf-pkg-config …',
      below: [],
    },
    // cmake
    {
      pattern: /^CMake Error(?: \(dev\))?(?: at .{1,300}| in .{1,300})?:?/,
      category: 'compile',
      hint: 'CMake stops at the first error; see the lines below it.',
      below: [
        {
          pattern: /package configuration file provided by "([^"]+)"/,
          category: 'dependency',
          hint: 'Add BuildRequires: cmake($1).',
        },
        {
          pattern: /Could NOT find (\S+)/,
          category: 'dependency',
          hint: 'Add the package that provides $1 to BuildRequires.',
        },
        {
          pattern:
            /By not providing "Find(\S+)\.cmake"|required packages? (?:was|were) not found|Could not find (?:a package|a configuration|CMAKE_|\S+ using|the|lib)|No CMAKE_(\w+)_COMPILER could be found|REQUIRED but not found|[Nn]ot found|is required|pkg-config tool not found|could not find any instance/,
          category: 'dependency',
        },
      ],
    },
    // An excerpt may have lost the line with "CMake Error".
    {
      pattern:
        /^ {0,2}(?:Could NOT find (\S+)|By not providing "Find(\S+?)\.cmake"|Could not find a package configuration file provided by "([^"]{1,100})")/,
      category: 'dependency',
      hint: 'Add the package that provides $1 to BuildRequires.',
      only: ['start'],
    },
    // meson
    {
      pattern:
        /(?:^|: )ERROR: (?:Dependency "([^"]+)"|Dependency lookup for (\S+)|Dependency '([^']+)'|.{0,100}[Dd]ependency "?([\w.+-]+)"? .{0,40}(?:not found|required)|(?:Program|Programs?) '?([\w./ +-]+)'?.{0,40} not found|C(?:\+\+|pp)? (?:shared or static )?(?:library|header) '([^']+)'|Pkg-config .{0,40}not found|Unknown compiler|.{0,40}(?:not found|too old)|.{0,20}Could not (?:find(?! a valid gem)|invoke)|python3? is missing modules|Git program not found|.{0,200}required but not found)/,
      category: 'dependency',
      hint: 'Add the package that provides $1 to BuildRequires.',
      only: ['%build', '%conf', '%install', '%prep'],
    },
    {
      pattern: /^\S{1,200}meson\.build:\d+:\d+: ERROR: .*(?:wrap|[Ss]ubproject)/,
      category: 'dependency',
    },
    {
      pattern:
        /^\S{0,200}meson\.build:\d+:\d+: ERROR: |^meson\S{0,40}: error|^ERROR: (?:Unknown option|Neither source directory|Compiler \S+ (?:can not|cannot)|Value )/,
      category: 'compile',
      only: ['%build', '%conf', '%install', '%check'],
    },
    // pkg-config, qmake, scons, waf, ninja, make
    {
      pattern: /^(?:Project ERROR: |error: )Unknown module\(s\) in QT: (.+)/,
      category: 'dependency',
      hint: 'Add the -devel packages of these Qt modules to BuildRequires: $1.',
    },
    { pattern: /^Project ERROR: .*(?:not found|require)/, category: 'dependency' },
    { pattern: /^Project ERROR: /, category: 'compile' },
    {
      pattern:
        /^make(?:\[\d+\])?: \*{3} No rule to make target ['`"]([^'`"]+)['"].*[Ss]top\.|^ninja: error: (?:unknown target|.{1,200} missing and no known rule)|^scons: \*{3} (?!\[)/,
      hint: 'The target $1 has no rule: a file is missing from the sources, or the name is wrong.',
    },
    {
      pattern: /^\S{0,200}[Mm]akefile\S{0,100}:\d+: \*{3} /,
      below: [{ pattern: /[Nn]ot found|required|missing/, category: 'dependency' }],
    },
    {
      pattern: /^make(?:\[\d+\])?: \*{3} No targets specified and no makefile found/,
      hint: 'There is no Makefile in this directory: run configure, or change to the right directory.',
    },
    { pattern: /^ninja: (?:error|fatal): |^\S{0,100}: error: Makefile: not found/ },
    { pattern: /^Error: Could not find (?:or load main class|a version of)/ },
  ),
  ...likely(
    {
      pattern:
        /: line \d+: ([\w.+-]{1,60}): command not found$|^(?:\/usr\/bin\/env|env): ['‘]?([\w.+-]{1,60})['’]?: No such file or directory|^(?:sh|\/bin\/sh|bash|\S{0,80}sh): (?:\d+: |line \d+: )?([\w.+/-]{1,80}): (?:command )?not found|^make(?:\[\d+\])?: ([\w.+/-]{1,80}): (?:No such file or directory|Command not found)|^([\w.+/-]{1,80}): command not found$/,
      category: 'dependency',
      hint: 'Add the package that contains the program $1 to BuildRequires.',
    },
    {
      pattern:
        /^Package (\S+?),? (?:was not found in the pkg-config search path|required by .{1,100} not found)|^No package '([^']+)' found/,
      category: 'dependency',
      hint: 'Add BuildRequires: pkgconfig($1).',
    },
    { pattern: /: (?:bad interpreter|cannot execute(?: binary file)?): |^exec: \S+: not found/ },
    // ninja names the target; the command and its messages follow.
    { pattern: /^FAILED: /, heading: true },
  ),
  ...weak(
    {
      pattern:
        /^(?:g|re|d)?make(?:\[\d+\])?: \*{3} .*(?:Error -?\d+|Segmentation fault|Aborted|Terminated|Killed|Illegal instruction|Bus error|Trace\/breakpoint)/,
    },
    { pattern: /^ninja: build stopped|^scons: \*{3} \[|^error: Bad exit status from/ },
    { pattern: /^CMake Error: |^-- Configuring incomplete, errors occurred/ },
  ),
]
