import { decisive, likely, type Rule, sure, weak } from '../rule.ts'

const UNDEFINED_MACRO =
  'A macro is not defined, so the shell sees its name: add the BuildRequires that defines it, or correct the name.'

/** Rules for messages in which the package manager of a language says that a file does not have the checksum that the sources state. */
export const CHECKSUMS = sure({
  pattern:
    /^(?:go: )?(?:\S{1,200}: )?verifying \S{1,300}: checksum mismatch|^SECURITY ERROR$|\bEINTEGRITY\b|THESE PACKAGES DO NOT MATCH THE HASHES|[Ii]ntegrity check failed for|checksum for `.{1,200}` changed between lock files|the listed checksum of `.{1,300}` has changed/,
  category: 'verification',
  hint: 'A downloaded or vendored file differs from the checksum in the sources: take the file and its checksum from the same release.',
  only: ['%prep', '%conf', '%build', '%install', '%generate_buildrequires'],
})

/** Rules for messages of rpmbuild about the spec, %files and dependencies, and of its scripts that check what was installed. */
export const RPM = [
  ...decisive(
    { pattern: /: line \d+: fg: no job control/, category: 'macros', hint: UNDEFINED_MACRO },
    {
      pattern: /: line \d+: (%\{?[A-Za-z_]\w*\}?[^:]{0,40}): (?:command )?not found/,
      category: 'macros',
      hint: `$1: ${UNDEFINED_MACRO}`,
    },
    // A program complains about an argument in which a macro was not expanded.
    {
      pattern:
        /^(?!warning:)[\w./+-]{1,80}(?:\[\d{1,3}\])?: (?!warning\b)(?=.{0,400}(?:invalid|[Cc]annot|can't|No such|not |[Nn]o rule|unknown|unrecognized|missing|error|fail|unexpected|bad ))[^%]{0,300}(%\{[?!]{0,4}\w{1,60}[^}]{0,60}\})/,
      category: 'macros',
      hint: `$1: ${UNDEFINED_MACRO}`,
      only: ['%prep', '%conf', '%build', '%install'],
    },
  ),
  ...sure(
    {
      pattern: /^error: Failed build dependencies:/,
      category: 'dependency',
      hint: 'The packages below are not installed: no repository of the build has them.',
    },
    {
      pattern: /^error: (?:File|Directory) not found(?: by glob)?: .*%\{?[\w?!]/,
      category: 'macros',
      hint: UNDEFINED_MACRO,
    },
    {
      pattern:
        /^error: (?:(?:File|Directory) not found(?: by glob)?|No such file or directory(?=: \/\S{0,200}build-?root)): (.*)/i,
      category: 'files',
      hint: '%files names a file that %install has not created: correct the path, or install the file.',
    },
    {
      pattern: /^error: (?:Installed \(but unpackaged\) file\(s\) found|Unpackaged)/,
      category: 'files',
      hint: 'List the files in %files, or remove them at the end of %install.',
    },
    {
      pattern: /^error: File must begin with "\/": (%\S+)/,
      category: 'macros',
      hint: `$1: ${UNDEFINED_MACRO}`,
    },
    {
      pattern:
        /^error: (?:File must begin with "\/"|Two files on one line|Empty %files file|Could not open %files file|Could not open \S+ file|Bad file: (?!\S*\/SOURCES\/|\S*\.(?:tar|t?gz|tgz|bz2|xz|zst|zip|patch|diff|sig|asc|gem|crate|jar): No such)|Bad mode|Bad owner\/group|Bad syntax: |Missing '[()]' in|Non-white space follows|Only one (?:arg|entry)|Duplicate locale|Explicit file attributes|Invalid capability|File (?:too large|capability)|Path is outside buildroot|Symlink points to BuildRoot|Unable to open (?:temp|icon)|Can't mix special|Glob not permitted|More than one file on a line|Absolute path|Hardlink)/i,
      category: 'files',
    },
    {
      pattern:
        /^error: (?:Generating build-id|Missing build-id|build-?id |.{0,20}[Cc]onflicting build-?ids?|Duplicate build-?ids?|\w{1,40} generator )/,
      category: 'files',
    },
    {
      pattern: /^No translations found for \S{1,100} in /,
      category: 'install',
      hint: '%find_lang finds no translations: see whether they are installed, and under which name.',
      only: ['%install'],
    },
    {
      pattern:
        /^error: (?:Arch dependent binaries in noarch package|Not a directory: |create archive failed|Could not (?:canonicalize|generate|copy)|Recognition of file|magic_|Failed to (?:read|write) |Unable to (?:create|write) )/,
      category: 'files',
    },
    {
      pattern:
        /^error: (?:Bad source|Bad file|File|Unable to open (?:file )?)(?::)? ?\/?\S*\/SOURCES\/(\S+)(?:: No such file or directory)?/,
      category: 'prep',
      hint: 'The source package does not contain $1: add the file, or correct Source or Patch.',
    },
    {
      pattern:
        /^error: Bad file: \S{0,300}?([^\s/]{1,100}\.(?:tar|t?gz|tgz|bz2|xz|zst|zip|patch|diff|sig|asc|gem|crate|jar)): No such file/,
      category: 'prep',
      hint: 'The source package does not contain $1: add the file, or correct Source or Patch.',
    },
    {
      pattern:
        /^error: (?:Bad source: .*|No (?:patch|source) number|Unable to fetch|No such file: )/,
      category: 'prep',
    },
    {
      pattern:
        /^error: (?:line \d+: |\S+\.spec:? ?\d*: )?(?:(?:line \d+: )?(?:Unknown tag|Tag takes single token|Empty tag|Illegal char|Illegal sequence|Second |Duplicate |Dependency tokens|Versioned file name|Version required|Invalid (?:dependency|version|file)|Unclosed|Unterminated|Unmatched|Unbalanced|Got a %|%else |%endif |%elif |bad %if|Bad %|parse error|Failed to (?:load|open) macro|Macro |Too many levels of recursion|Unknown (?:option|field|section|tag|build system)|Architecture is|OS is|No compatible architectures|Package already exists|Package does not exist|Malformed|Bad (?:arg|package|option|number|Requires|condition)|lua script failed|Unsupported|syntax error|Incompletely|Illegal |Name field must|Missing|Too many|Trailing|interpreter arguments|expanding macro|invalid syntax|Bad exit status from \S+ \(%\{|Expecting|Internal error: Bogus tag))/,
      category: 'macros',
      hint: 'Correct this line of the spec.',
    },
    {
      pattern:
        /^error: (?:line \d+: |(?:Name|Version|Release|License|Summary|Group|Description) field must|query of specfile|Failed to parse|parseExpression|lua script)/,
      category: 'macros',
      hint: 'Correct this line of the spec.',
    },
    {
      pattern:
        /^error: (?:\S{1,300}\.spec(?::? ?\d{1,6})?: ?)?(?:line \d+: ?)?(?:unknown icon type|bare words are|bad (?:expression|date in %changelog|condition)|types must match|unmatched|unclosed|undefined macro|package has no %|package already|no ["'`]?%\w+|no (?:description|%\w+) (?:in|for)|%(?:changelog|description|package|package's|prep|files|trigger\w*|sourcelist|patchlist|if\w*|else|endif|elif|include|define|global|undefine)\b(?!.{0,40}file list)|(?:missing|incomplete|invalid|unexpected|illegal|too (?:few|many)|extra|trailing) .{0,60}(?:tag|%|macro|argument|expression|operator|token|entry|name|number|dependency|character|version)|.{1,80} field must be|only noarch subpackages|noarch (?:subpackages|package)|architecture is (?:not )?(?:included|excluded)|(?:spec file|specfile) |can't parse|failed to (?:parse|expand|(?:load|open) macro|find .{1,60}:$)|unable to (?:parse|open .{0,20}(?:icon|spec\b|\S+\.spec\b))|failed to open .{0,20}\.spec|macro |recursion|exec failed|division by zero|invalid syntax in lua|comparison|dependency tokens|logical |getopt|unterminated|expected|\S+: unknown option|reading package header|stray|second|couldn't parse|unknown (?:tag|field|section|option|file digest|macro|file type))/i,
      category: 'macros',
      hint: 'Correct this line of the spec.',
      only: ['spec', 'root'],
    },
    // Messages in other languages keep the names of sections and the path of the buildroot.
    {
      pattern:
        /^error: (?:ligne|riga|Zeile|строка|рядок|řádek|linia|wiersz|línea|linha|rad|regel|行|第) ?\d{1,6}\b/i,
      category: 'macros',
    },
    { pattern: /^error: .{0,300}%files\b/, category: 'files' },
    { pattern: /^error: .{0,200}\/BUILDROOT\//, category: 'files', only: ['%files'] },
    {
      pattern:
        /^error: .{0,40}(?:依赖|相依|依存|의존|Abhängigkeit|[Dd]épendances|[Dd]ipendenze|[Зз]ависимост|[Зз]алежност|závislost|zależno|[Dd]ependencias|[Dd]ependências).{0,40}[:：]$/,
      category: 'dependency',
    },
    {
      pattern:
        /unpacking of archive failed on file \S{0,300}\/(?:SOURCES|SPECS)\/|: cpio: (?:MD5 sum|Digest) mismatch|^error: \S{1,300}\.src\.rpm(?: cannot be installed|: (?:not an rpm package|.{0,100}\bBAD\b))|\.src\.rpm: .{0,60}(?:NOT OK|BAD\b)/,
      category: 'verification',
      hint: 'The source package is damaged: build it again, and compare its digest after the transfer.',
    },
    {
      pattern:
        /^\s*(?:\w[\w /]{0,40})?(?:[Dd]igest|[Ss]ignature)\b.{0,100}: BAD\b|^error: unpacking of archive failed/,
      category: 'verification',
      only: ['spec', '%prep'],
    },
    { pattern: /^error: (?:package|Package) \S+ (?:is|was) not installed/, category: 'dependency' },
    {
      pattern:
        /^(?:Found|Binary file) '?\S{0,300} ?'?.{0,20}(?:in installed files; aborting|matches$)|^Found '.{0,300}' in installed files; aborting/,
      category: 'install',
      hint: 'An installed file contains the path of the buildroot: see why, or ask for it with QA_SKIP_BUILD_ROOT=1.',
    },
    {
      pattern: /^ERROR {3}0\d{3}: file '/,
      category: 'install',
      hint: 'Remove the RPATH, such as with chrpath --delete or a configure option.',
    },
    {
      pattern: /^\*\*\* ERROR: |^\*\*\* WARNING: .{0,200} is executable but has no shebang.*error/,
      category: 'install',
    },
    {
      pattern:
        /^gpgv?2?: (?:BAD signature|Can't check signature|no valid OpenPGP data|invalid key resource)|gpgverify: /,
      category: 'verification',
      hint: 'The source, its signature and the keyring do not belong together.',
    },
    {
      pattern: /: FAILED$|^(?:sha\d+|md5)sum: WARNING: \d+ computed checksums? did NOT match/,
      category: 'verification',
      only: ['%prep'],
      hint: 'The source is not the file that the checksum was made from.',
    },
  ),
  ...likely(
    // A list of installed files, in another language.
    {
      pattern: /^error: .{1,100}[:：]\s{0,5}$/,
      only: ['%files'],
      below: [
        { pattern: /^\s{2,8}\/(?:usr|etc|var|opt|srv|s?bin|lib\d*|boot|run)\//, category: 'files' },
      ],
    },
    {
      pattern:
        /can't parse spec|\b(?:failed to|unable to|cannot|could not) (?:parse|query) .{0,80}(?:\.spec\b|spec ?file)|could not query n-?v-?r/i,
      category: 'macros',
      only: ['spec', 'root'],
    },
    { pattern: /^error: (?!Bad exit status)\S/ },
    { pattern: /^(?:[\w.+-]+ )?[a-z0-9-]+ is needed by \S+/, category: 'dependency' },
  ),
  ...weak({ pattern: /^\s*(?:error: )?Bad exit status from/ }),
]

const DAMAGED =
  'The source is damaged, or has another format than its name says: download it again.'

/** Messages about archives, which other sections than %prep may unpack, too. */
const UNPACKING = [
  {
    pattern: /^(?:\S{0,20}\/)?(?:tar|bsdtar)(?: \(child\))?: (.{1,200}): Cannot open: No such file/,
    hint: 'The archive $1 is missing: add it to the sources, or correct its name.',
  },
  {
    pattern:
      /^(?:\S{0,20}\/)?(?:tar|bsdtar)(?: \(child\))?: (?:This does not look like a tar archive|.{1,200}: (?:Cannot (?:open|stat|read)|Not found in archive)|Unexpected EOF|Error opening archive|Skipping to next header|Damaged|Unrecognized archive)/,
    hint: 'The source is not the archive that its name says: download it again.',
  },
  {
    pattern:
      /^(?:\/usr\/bin\/)?(?:gzip|bzip2|xz|zstd|lzma|lzip|unzip|7z\w?|gunzip|bunzip2|unxz|unzstd): .{0,200}(?:not in gzip format|unexpected end of file|File format not recognized|not a bzip2 file|unsupported format|Unexpected end of input|cannot find|No such file|CRC|corrupt|invalid)|End-of-central-directory signature not found/,
    hint: DAMAGED,
  },
].flatMap((rule): Omit<Rule, 'rank'>[] => [
  { ...rule, category: 'prep', only: ['%prep'], strict: true },
  { ...rule, unplaced: 'prep' },
])

/** Rules for messages of tools that %prep runs: patch, tar and similar tools, git, cd. */
export const PREP = [
  ...sure(
    {
      pattern: /^Hunk #\d+ FAILED at|^\d+ out of \d+ hunks? FAILED/,
      category: 'prep',
      hint: 'The patch does not apply to this version: make it again, or remove it if the change is in the sources already.',
    },
    {
      pattern: /^Reversed \(or previously applied\) patch detected!/,
      category: 'prep',
      hint: 'The sources contain the change already: remove the patch.',
    },
    {
      pattern:
        /^patch: \*{4} |^can't find file to patch at input line|^The next patch would (?:create|delete|empty out) the file|^File to patch:|^No file to patch\./,
      category: 'prep',
      hint: 'The patch does not fit the sources: check -p (the number of leading directories) and the names in it.',
    },
    {
      pattern:
        /^error: patch failed: |^error: .{1,200}: (?:patch does not apply|does not exist in index|already exists in (?:index|working directory))|^error: corrupt patch at|^Patch failed at |^error: (?:No valid patches|unrecognized input)/,
      category: 'prep',
      hint: 'The patch does not apply to this version: make it again, or remove it if the change is in the sources already.',
    },
    ...UNPACKING,
    {
      pattern: /^rpmuncompress: /,
      category: 'prep',
      hint: DAMAGED,
    },
    {
      pattern: /: line \d+: (?:cd|pushd): .{1,200}: No such file or directory/,
      category: 'prep',
      only: ['%prep'],
      hint: 'The archive unpacks to a directory with another name: set it with %setup -n or %autosetup -n.',
    },
    {
      pattern: /^error: (?:Bad exit status from \S+ \(%prep\).{1,5}|No patch number \d+)/,
      category: 'prep',
    },
    { pattern: /^quilt: |^Patch \S{1,200} does not (?:apply|exist)/, category: 'prep' },
  ),
  // tar's final messages, which follow the message that states the reason.
  ...likely({
    pattern:
      /^(?:\S{0,20}\/)?(?:tar|bsdtar)(?: \(child\))?: (?:Child (?:returned status|died)|Error is not recoverable|Exiting with failure status)/,
    unplaced: 'prep',
  }),
]
