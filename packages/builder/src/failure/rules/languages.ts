import { likely, sure, weak } from '../rule.ts'
import { CARGO, DOWNLOADS } from './limits.ts'

const PYTHON = 'Add the Python module $1 to BuildRequires: python3dist($1).'
const PERL = 'Add BuildRequires: perl($1).'
const perlModule = (path: string): string => path.replaceAll('/', '::')
const GEM = 'Add BuildRequires: rubygem($1).'

/** Rules for interpreted languages, and for the package managers of languages. */
export const LANGUAGES = [
  ...sure(
    // Python
    {
      pattern:
        /^(?:E {3,20})?(?:ModuleNotFoundError|ImportError): No module named ['"]?([\w.]+)['"]?/,
      category: 'dependency',
      hint: PYTHON,
    },
    {
      pattern:
        /^(?:E {3,20})?(?:pkg_resources\.DistributionNotFound|pip\._vendor\.\S+DistributionNotFound|importlib\.metadata\.PackageNotFoundError): .{0,40}?['"]?([\w.-]+)/,
      category: 'dependency',
      hint: PYTHON,
    },
    {
      pattern:
        /^(?:ERROR|error): (?:Could not find a version that satisfies the requirement|No matching distribution found for) (\S+)/,
      category: 'dependency',
      hint: PYTHON,
      below: DOWNLOADS,
    },
    {
      pattern:
        /^(?:pyproject_hooks\S*|pip\._vendor\.\S*)\.BackendUnavailable|^\S*BackendUnavailable: /,
      category: 'dependency',
      hint: 'Add the build backend that pyproject.toml names to BuildRequires.',
    },
    {
      pattern:
        /^ERROR Missing dependencies:$|^\s*ERROR: Missing build dependencies|^Exception: Dependencies? not (?:found|satisfied)/,
      category: 'dependency',
    },
    {
      pattern: /^(?:\S{0,100}\/)?python[\d.]*: No module named (\S+)/,
      category: 'dependency',
      hint: PYTHON,
    },
    { pattern: /^(?:\S{0,100}\/)?python[\d.]*: can't open file/ },
    { pattern: /^\*\*\* Error compiling '/, category: 'install', only: ['%install'] },
    {
      pattern:
        /^Extension error|^Warning, treated as error:|^Theme error|^Configuration error:|^sphinx\.errors\.|^Application error:/,
      below: [
        {
          pattern: /Could not import extension (\S+)|no theme named '?([\w.]+)/,
          category: 'dependency',
          hint: PYTHON,
        },
      ],
    },
    {
      pattern:
        /Could not find suitable distribution for Requirement\.parse\('([\w.-]+)|The '([\w.-]+)[^']{0,60}' distribution was not found|\((?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'\)|^ImportError: (lib[\w.+-]+\.so\S*): cannot open shared/,
      category: 'dependency',
      hint: PYTHON,
      only: ['%build', '%install', '%conf', '%generate_buildrequires'],
    },
    // Perl
    {
      pattern:
        /\(you may need to install the (\S+) module\)|^Base class package "([\w:]+)" is empty|^([\w:]+) version \S+ required--this is only version/,
      category: 'dependency',
      hint: PERL,
      only: ['%build', '%install', '%conf'],
    },
    {
      pattern:
        /^(?:# {0,8}(?:Error: {0,4})?)?Can't locate (\S+?)(?:\.pm)? in @INC|^Can't locate (?:loadable object|object method)/,
      category: 'dependency',
      hint: PERL,
      spell: perlModule,
    },
    {
      pattern:
        /^Warning: prerequisite (\S+) .{1,40} not found|^(?:ERRORS\/WARNINGS FOUND IN PREREQUISITES|ERROR: Missing|Checking prerequisites\.\.\.$)|^ *! {1,4}(\S+) (?:is not installed|\()/,
      category: 'dependency',
      hint: PERL,
      only: ['%build', '%conf'],
    },
    {
      pattern:
        /^(?:syntax error|Global symbol ".{1,80}" requires|Can't open perl script|Undefined subroutine|Compilation failed in require|Bareword ".{1,80}" not allowed|BEGIN failed|Missing right curly).{0,200} (?:at|line) /,
    },
    // Ruby
    {
      pattern:
        /cannot load such file -- (\S+)|^(?:.{0,200}: )?(?:Could not find (?:gem )?'?([\w-]+)'?.{0,200}(?:in (?:any|the|local|rubygems)|locally installed)|Could not find '([\w-]+)' \()|Gem::(?:MissingSpec|LoadError|MissingSpecVersion)|Bundler::GemNotFound|Unable to (?:resolve dependency|activate)/,
      category: 'dependency',
      hint: GEM,
    },
    {
      pattern: /^ERROR: {1,2}Could not find a valid gem '([\w-]+)'/,
      category: 'dependency',
      hint: GEM,
      below: DOWNLOADS,
    },
    {
      pattern:
        /^rake aborted!|^\*{3} extconf\.rb failed|^ERROR: {2}(?:Failed to build gem|Error installing|While executing gem|Loading command)|^\S{1,200}\.rb:\d+:(?:in .{1,200}:)? .{0,200}\(\w+(?:::\w+)*(?:Error|Exception)\)/,
    },
    {
      pattern: /can't find header files for ruby/,
      category: 'dependency',
      hint: 'Add ruby-devel to BuildRequires.',
    },
    // JavaScript
    {
      pattern:
        /Module not found: Error: Can't resolve '([^']{1,200})'|Rollup failed to resolve import "([^"]{1,200})"|Could not resolve "([^"]{1,200})"$/,
      category: 'dependency',
      hint: 'Add the module $1 to the sources (bundled node_modules), or its package to BuildRequires.',
      only: ['%build', '%install', '%conf'],
    },
    {
      pattern:
        /^(?:Error: |\[?Error \[?ERR_MODULE_NOT_FOUND\]?: )?Cannot find (?:module|package) '([^']+)'/,
      category: 'dependency',
      hint: 'Add the module $1 to the sources (bundled node_modules), or its package to BuildRequires.',
    },
    {
      pattern:
        /^npm (?:ERR!|error) (?:code (?:ERESOLVE|ETARGET|E404|EUSAGE|ENOENT)|notarget|Missing: |missing script|404 )/,
      category: 'dependency',
    },
    {
      pattern:
        /^npm (?:ERR!|error) code ELIFECYCLE|^(?:Syntax|Reference|Type)Error: |^\[webpack-cli\] Error|^ERROR in |^✘ \[ERROR\]|^error during build:|^Module not found: Error/,
    },
    // Rust, cargo
    {
      pattern:
        /^error: (?:no matching package(?: named `([^`]+)`)?|failed to select a version for (?:the requirement )?`?([^`]+)|failed to get `([^`]+)` as a dependency|failed to load source for dependency `([^`]+)`|failed to find `?(\S+)`? in|package `([^`]+)` cannot be built because it requires rustc|rustc \S{1,40} is not supported by the following)/,
      category: 'dependency',
      hint: 'Add the crate $1 to BuildRequires or to the vendored sources.',
      below: CARGO,
    },
    {
      pattern:
        /^error: (?:the lock file .{1,300} needs to be updated|failed to (?:parse|read|load) (?:manifest|lock file|`)|checksum for `|could not find `Cargo\.toml`|no such (?:sub)?command)/,
    },
    // Java: maven, gradle, ant
    {
      pattern:
        /^\[ERROR\] .{0,300}(?:Could not resolve dependencies|Cannot access \S+ \(?.{0,200} in offline mode|could not be resolved|Non-resolvable parent POM|Could not find artifact|Unresolveable build extension|Plugin \S+ or one of its dependencies)|^> Could not (?:resolve|find) /,
      category: 'dependency',
      hint: 'Add the Maven artifact to BuildRequires, as mvn(group:artifact), or remove it from the POM (%pom_remove_dep, %pom_remove_plugin).',
      below: DOWNLOADS,
    },
    {
      pattern:
        /^\[ERROR\] (?:Failed to execute goal|The build could not read|Malformed POM|Some problems were encountered while processing|BUILD FAILURE|Source option \d|Error: |error: release version)|^FAILURE: Build failed with an exception|^BUILD FAILED$|^error: (?:release version|invalid (?:source|target) release|package \S+ does not exist)/,
      below: [
        ...DOWNLOADS,
        { pattern: /There (?:are|were) test failures|maven-surefire/, category: 'test' },
        { pattern: /Could not resolve|offline/, category: 'dependency' },
      ],
    },
    // Others
    {
      pattern:
        /the dependency is not available, run "mix deps\.get"|^Your requirements could not be resolved to an installable set|^Missing dependencies for \S|Failed opening required '([^']{1,200})'|^\s{0,4}module '([\w.-]+)' not found:|^The JAVA_HOME environment variable is not|^Error: JAVA_HOME is not (?:set|defined)/,
      category: 'dependency',
      only: ['%build', '%install', '%conf'],
    },
    {
      pattern:
        /^ERROR: dependenc(?:y|ies) .{1,300} (?:is|are) not available for package|there is no package called ['‘](\w+)/,
      category: 'dependency',
      hint: 'Add the R package $1 to BuildRequires.',
    },
    {
      pattern:
        /^ERROR: (?:lazy loading failed|compilation failed|loading failed|installing|failed to lock) ?.{0,40}(?:package|$)|^Error in .{1,200} ?:$/,
    },
    { pattern: /^PHP (?:Fatal|Parse) error: |^(?:Fatal|Parse) error: .{1,300} in \S+ on line \d+/ },
    {
      pattern: /^(?:lua\S*: |luajit: ).*module '([\w.-]+)' not found/,
      category: 'dependency',
      hint: 'Add the package of the Lua module $1 to BuildRequires.',
    },
    {
      pattern:
        /^lua[\d.]*: |^Error: Unable to (?:find|access) (?:file|jarfile)|^Unable to access jarfile/,
    },
    {
      pattern:
        /^\*\* \((?:Mix|CompileError|SyntaxError|UndefinedFunctionError)|^== Compilation error in file|^(?:Unchecked|Unfetchable) dependencies for environment|^===> (?:Failed|Error|Could not|Compiling .{1,100} failed|Unable)/,
      below: [],
    },
    {
      pattern:
        /^(?:a2x|asciidoctor?|xmlto|pandoc|msgfmt|msgmerge|xgettext|glib-compile-\w+|gdbus-codegen|moc|uic|rcc|desktop-file-(?:validate|install)|appstream\S{0,20}|help2man|texi2any|makeinfo|pdflatex|sip-build|vapigen|g-ir-scanner|g-ir-compiler|protoc(?:-gen-\w+)?|swig|flex|bison|yacc|gperf|ronn|xsltproc|rst2man|docutils|sphinx-build|dune|cython|f2py|gtkdoc-\w+): (?:ERROR|error|fatal|FATAL|failed|FAILED|can't|cannot|found \d+ fatal|.{1,200}: (?:error|failed)|Could not)/i,
    },
    {
      pattern: /^! LaTeX Error: File `([^']+)' not found/,
      category: 'dependency',
      hint: 'Add BuildRequires: tex($1).',
    },
    {
      pattern: /^! LaTeX Error|^! (?:Undefined control sequence|Emergency stop)/,
      below: [{ pattern: /File `([^']+)' not found/, category: 'dependency' }],
    },
  ),
  ...likely({
    pattern:
      /^(?!-- |.{0,100}(?:WARN|[Ww]arn)|npm |yarn )(?:.{0,200}[\s:`'"])?([\w.+-]{2,60})[`'"]? is not installed\b(?! as)|^(?!.{0,100}(?:WARN|[Ww]arn)|npm |yarn ).{0,200}\b[Pp]lease install (?:the )?[`'"]?([\w.+-]{2,60})|^which: no ([\w.+-]{1,60}) in \(|\b([\w.+-]{2,60}) (?:was )?not found in (?:your |the )?\$?PATH\b/,
    category: 'dependency',
    hint: 'Add the package that contains $1 to BuildRequires.',
    only: ['%prep', '%conf', '%build', '%install'],
  }),
  ...likely({
    pattern:
      /^install: cannot (?:create|change|remove) .{0,40}['‘`]\/(?:usr|etc|var|opt|lib|bin)\//,
    unplaced: 'install',
  }),
  ...likely({
    pattern:
      /^(?:cp|mv|ln|rm|install|mkdir|chmod|chown|strip|find|sed|rename|touch|\/usr\/bin\/\S{1,60}): .{0,300}(?:\/BUILDROOT\/|build-?root\/).{0,300}(?:[Nn]o such|[Cc]annot|[Cc]an't|denied|[Nn]ot a |exists)|^(?:cp|mv|ln|rm|install|mkdir|chmod|chown|strip|find|sed|rename|touch|\/usr\/bin\/\S{1,60}): (?:[Nn]o such|[Cc]annot|[Cc]an't|.{0,60}denied).{0,300}(?:\/BUILDROOT\/|build-?root\/)|^(?:\/usr\/lib\/rpm\/(?:\S{1,30}\/)?)?(?:brp-|check-|find-debuginfo)\S{0,60}: /i,
    unplaced: 'install',
  }),
  ...likely(
    {
      pattern:
        /^(?:cp|mv|ln|rm|rmdir|install|mkdir|chmod|chown|touch|cat|sed|grep|find|head|tail|strip|objcopy|readlink|realpath|rsync|diff|cmp|tee|sort|stat|du|ls|patchelf|chrpath|file|gzip|bzip2|xz|msgfmt|dos2unix|iconv|perl|python3?|awk|gawk|cpio|ar|ranlib|nm|objdump|ldconfig|execstack|dwz|hardlink|fdupes|unzip|zip|tar|curl|git|hg|svn|bzr|pushd|cd|test|\[|sha256sum|md5sum|expr|xargs|env|desktop-file-\w+|brp-\S+|\/usr\/lib\/rpm\/\S+|\/usr\/bin\/\S+)(?::|  ) .{0,300}(?:[Nn]o such|[Cc]annot|[Cc]an't|[Pp]ermission denied|[Nn]ot a |[Nn]ot found|[Ff]ailed|exists|missing|invalid|unrecognized|unknown|[Oo]perand|[Ee]rror|not permitted|omitting|not empty|are the same|differ|fatal|unable|[Nn]othing)/,
    },
    {
      pattern:
        /: line \d+: .{1,200}: (?:No such file or directory|Permission denied|Is a directory|Not a directory|syntax error|unbound variable|ambiguous redirect|integer expression expected|numeric argument required|not a valid identifier|[Tt]oo many arguments)/,
    },
    {
      pattern:
        /: line \d+: (?:syntax error|unexpected EOF|conditional binary)|: syntax error near unexpected/,
    },
    { pattern: /^fatal: /, hint: 'A tool expects a Git repository, which a build does not have.' },
    {
      pattern:
        /^(?:error|ERROR|Error|FATAL|Fatal|fatal error|Fatal error|FATAL ERROR|CRITICAL): (?!Bad exit status)\S/,
    },
    { pattern: /^error: (?:subprocess-exited-with-error|metadata-generation-failed)/ },
    { pattern: /^ERROR\b.{0,4}\S/ },
    { pattern: /^\w[\w.+/-]{0,60}: (?:fatal |FATAL |fatal: )?(?:error|ERROR|Error)\b/ },
    { pattern: /Segmentation fault|^Aborted\b|core dumped|Bus error|Illegal instruction/ },
    { pattern: /: Assertion [`'].{1,300}failed|^Assertion failed|^assertion failed/ },
    {
      pattern:
        /^(?:terminate called|panic: |fatal error: |thread '.{1,100}' panicked at|\*{3} stack smashing)/,
    },
    {
      pattern:
        /^usage: |^Usage: |unrecognized (?:arguments|option|command)|invalid option|[Uu]nknown option/,
      hint: 'A program was called with options that it does not know.',
    },
    { pattern: /^\S{1,100}: No such file or directory$/ },
  ),
  ...weak(
    {
      pattern:
        /^npm (?:ERR!|error) |^\[ERROR\] |^\[INFO\] BUILD FAILURE|^error Command failed|\bexited with (?:code|status) [1-9]/,
    },
    { pattern: /\b(?:error|failed|failure|fatal)\b/i },
  ),
]
