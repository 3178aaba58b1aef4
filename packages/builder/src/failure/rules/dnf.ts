import { decisive, type Finding, likely, sure, weak } from '../rule.ts'

const MISSING =
  'No repository of the build provides $1: correct the name in BuildRequires, or add the repository that has it to the project.'
const CONFLICT =
  'The packages cannot be installed together: see which repositories and versions the lines name.'
const REPOSITORY =
  'A repository could not be read: submit the build again later; if it fails again, ask the administrator of the repository.'
const KEYS =
  'The signature of a repository or a package does not match the keys of the repository: correct its GPG key or address in the project or the chroot.'
const CHROOT =
  'The chroot cannot be set up, before the package is considered: $1 belongs to its base packages. Correct the repositories of the chroot, or ask the administrator.'
/** The packages that a chroot itself needs, as a group for use inside a pattern. */
const BASE = String.raw`(?:@?buildsys-(?:build|macros)|@build|rpm-build(?:-libs)?|rpm-\w{1,30}-setup-build|(?:redhat|openruyi|openEuler|anolis|tencentos)-rpm-config|(?:fedora|centos(?:-stream|-linux)?|redhat|almalinux|rocky|openEuler|openSUSE|openmandriva|mageia|distro|oraclelinux|system|sles?|amazon|azurelinux|mariner|anolis|opencloudos)-release(?:-(?:common|container|rpm-setup-build))?|python3-dnf(?:-plugins-core)?|dnf5?(?:-plugins|-plugins-core)?|dnf-command\(builddep\)|yum(?:-utils)?|tdnf|zypper|basesystem|filesystem|glibc(?:-common|-minimal-langpack|-all-langpacks)?|bash|coreutils|shadow-utils|util-linux|findutils|diffutils)(?![\w.+]|-[a-z])`
const MISSING_BASE: Finding = {
  pattern: new RegExp(
    `nothing provides \\S.{0,200} needed by (${BASE})|package (${BASE}-\\S{1,100}) requires `,
  ),
  category: 'infrastructure',
  hint: CHROOT,
}
const ROOT = ['root', 'spec', '%generate_buildrequires']

/** Rules for messages of dnf while it fills the buildroot. */
export const DNF = [
  ...decisive({
    pattern:
      /\bneeds (?:at least )?\d[\d.]{0,20} ?(?:[KMGT]i?B?|bytes|inodes) (?:more space )?(?:more )?on the \S{1,200} filesystem|At least \d[\d.]{0,20} ?[KMGT]i?B more space needed on|^(?:Error: )?Disk [Rr]equirements:|(?:[Ii]nsufficient|[Nn]ot enough|[Nn]o) (?:free )?(?:disk )?space (?:in|on|for|left|available)|not enough free (?:disk )?space/,
    category: 'resources',
    hint: 'The packages need more disk than the file system has: ask the administrator for more disk, or install less.',
  }),
  ...sure(
    {
      pattern: new RegExp(
        `^\\s*(?:[-*] |ERROR: |Error: )?(?:No match for argument|Unable to find a match|No matching package to install|No [Pp]ackage found for|No package matched|No matching packages? for|No match for group package|No package|Failed to find package)[: ]+['"]?(${BASE})`,
        'i',
      ),
      category: 'infrastructure',
      hint: CHROOT,
      only: ['root'],
    },
    {
      pattern:
        /^(?:Error: )?(?:Module or Group|Group|Environment) '?@?(buildsys-build|build|core)'? (?:is not available|does not exist|is not installed)|^(?:Warning: )?[Gg]roup '?@?(buildsys-build|build)'? does not exist/,
      category: 'infrastructure',
      hint: CHROOT,
      only: ['root'],
    },
    { ...MISSING_BASE, only: ['root'] },
    {
      pattern:
        /repomd\.xml (?:GPG|PGP|OpenPGP) signature verification error|GPG key (?:retrieval|import) failed|[Ff]ailed to (?:retrieve|import|fetch|download) (?:the )?(?:GPG|PGP|public) ?key|Import of (?:the )?key.{0,80} failed|GPG keys listed for the .{1,200} (?:repository )?are already installed but|[Dd]idn't install any keys|Bad (?:GPG|PGP|OpenPGP) signature|Failed to validate the (?:GPG|PGP) signature|Signature verification failed|Public key for \S+ is not installed|Package "?\S+"? .{0,80}is not signed|(?:GPG|PGP) check (?:FAILED|failed)|OpenPGP check for package|[Ff]ailed GPG check|Error: GPG check/,
      category: 'infrastructure',
      hint: KEYS,
      only: ROOT,
    },
    {
      pattern:
        /No more mirrors to try|Cannot retrieve (?:repository metadata|metalink|mirrorlist)|Could not (?:retrieve|get) (?:mirrorlist|metalink)|One of the configured repositories failed|Errors during downloading metadata for repository|Cannot (?:prepare|find a valid) (?:internal )?(?:mirrorlist|baseurl)|Failed to retrieve new repository metadata|Valid metadata not found at|^Repository '[^']{1,200}' is invalid|repomd\.xml.{0,300}\b(?:404|403|50\d|Errno \d+)\b|Yum repository \S{1,200} .{0,80}(?:not found|failed)|Failed to download metadata \(|rpmdb open failed/,
      category: 'infrastructure',
      hint: REPOSITORY,
      only: ROOT,
    },
    {
      pattern:
        /^\s*(?:[-*] |ERROR: |Error: )?(?:No match for argument|Unable to find a match|No matching package to install|No [Pp]ackage found for|No package matched|No match for group package|Module or Group '[^']+' (?:is not available|does not exist)|No matching package)[: ]+'?(.+?)'?\.?$/,
      category: 'dependency',
      hint: MISSING,
      only: ROOT,
    },
    {
      pattern:
        /^\s*(?:Problem(?: \d+)?: |[-*] |Error: ?|unresolvable: )?nothing provides (\S+(?: [<>=]+ \S+)?)/,
      category: 'dependency',
      hint: MISSING,
      only: ROOT,
    },
    {
      pattern: /^unresolvable: (?!nothing provides)\S/,
      category: 'dependency',
      hint: CONFLICT,
    },
    {
      pattern: /^Packages needed for the build are missing: nothing provides (\S+)/,
      category: 'dependency',
      hint: MISSING,
    },
    {
      pattern: /^\s*(?:Error: )?(?: ?Problem(?: \d+)?: )(?!nothing provides)./,
      category: 'dependency',
      hint: CONFLICT,
      only: ROOT,
      below: [
        MISSING_BASE,
        {
          pattern: /nothing provides (\S+(?: [<>=]+ \S+)?)/,
          category: 'dependency',
          hint: MISSING,
        },
      ],
    },
    {
      pattern:
        /^\s*(?:Error: )?(?:Transaction (?:test|check) error|file \/.{1,200} (?:from install of|conflicts between attempted))|^.{1,200} conflicts with file from package/,
      category: 'dependency',
      hint: CONFLICT,
      only: ROOT,
    },
    {
      pattern:
        /Failed to download metadata for repo|Cannot download repomd\.xml|Failed to synchronize cache for repo|^(?:Error: )?Failed to download (?:files|packages|metadata)|repomd\.xml: (?:Cannot|Status)|Cannot (?:prepare|find a valid) (?:internal mirrorlist|baseurl)|No more mirrors to try|[Aa]ll mirrors were (?:already )?tried|Librepo error: /,
      category: 'infrastructure',
      hint: REPOSITORY,
      only: ROOT,
    },
    {
      pattern:
        /Status code: [45]\d\d for https?:|Curl error \(\d+\)|\[MIRROR\] |repodata.{0,200}(?:404|Not Found)|Package "\S+" .* is not signed|(?:GPG|PGP) check (?:FAILED|failed)|OpenPGP check for package|Signature verification failed|Public key for \S+ is not installed|(?:Checksum|checksum) (?:error|mismatch|doesn't match)/i,
      category: 'infrastructure',
      hint: REPOSITORY,
      only: ROOT,
    },
  ),
  ...sure({ pattern: /^Error: Package: \S/, category: 'dependency', hint: CONFLICT, only: ROOT }),
  ...likely(
    {
      pattern:
        /^\s*(?:Error: )?(?:Failed to resolve the transaction|Not all dependencies satisfied|Some packages could not be found|package \S+ requires \S+.* but none of the providers)/,
      category: 'dependency',
      hint: CONFLICT,
      only: ROOT,
    },
    {
      pattern: /^(?:>>> )?(?:error: )?(?:\S+ )?scriptlet failed|scriptlet failed, exit status/,
      category: 'dependency',
      hint: 'A scriptlet of a package in the buildroot failed.',
      only: ROOT,
    },
    {
      pattern:
        /error unpacking of archive|cpio: |rpmdb.{0,40}(?:error|corrupt)|unpacking of archive failed/,
      category: 'infrastructure',
      only: ROOT,
      strict: true,
    },
    {
      pattern:
        /^ERROR: (?:Exception\(.{0,300}Error: |.{0,100}(?:Could not init chroot|mount|unshare|locked by another process|bootstrap|podman|systemd-nspawn))/,
      category: 'infrastructure',
      only: ROOT,
    },
  ),
  ...weak({ pattern: /^Error:/, category: 'infrastructure', only: ROOT, strict: true }),
]

/** Rules for messages about failures of the build system itself, before the package is built. */
const BUILD_SYSTEM = sure(
  {
    pattern:
      /^fatal: .{0,60}'?(?:https?|git|ssh):\/\/[^\s'/]{0,100}(?:dist-?git|\bpkgs\.)[^\s']{0,200}'?/,
    category: 'infrastructure',
    hint: 'The source could not be fetched from the build system: submit the build again later; if it fails again, ask the administrator.',
  },
  {
    pattern:
      /^(?:ERROR: |docker: )?(?:Cannot connect to the Docker daemon|Error response from daemon: |toomanyrequests: )|\bexec(?:ve|\(\))?:? .{0,80}[Ee]xec format error|^(?:exec|standard_init_linux\.go:\d+:) .{0,80}exec format error|^Directory tree \S{1,300} is currently busy|\bNamespace unshare failed|[Cc]ould not init mock buildroot|^(?:Failed to (?:create bus connection|allocate scope|register machine)|bwrap: )/,
    category: 'infrastructure',
    hint: 'The machine or the container could not run the build: submit it again later; if it fails again, ask the administrator.',
    only: ['root', 'spec'],
  },
  {
    pattern:
      /^gave up after \d+ failed build attempts|^connect to \S{1,100}:\d{1,5}: |^Your build system is broken|^(?:Error: )?No such command: builddep\b|^(?:.{0,200} )?at \/usr\/lib\/build\/\S{1,100} line \d/,
    category: 'infrastructure',
    only: ['root', 'spec'],
  },
  {
    pattern: / at \/\.build\/\S{1,100} line \d|^\/\.build\/\S{1,100}: /,
    category: 'infrastructure',
    hint: "The build system's own scripts failed in the chroot, not the package: correct the configuration of the chroot, or ask the administrator.",
  },
  {
    pattern:
      /^su: (?:Permission denied|Authentication (?:failure|token)|System error|Module is unknown|cannot |user \S{1,64} does not exist)|^(?:unpack failed\.|No buildstatus set)|the build host has a kernel or hardware problem/,
    category: 'infrastructure',
    only: ROOT,
  },
)

/** Rules for messages about failures of the build system or of the machine that runs the build. */
export const MACHINE = [
  ...BUILD_SYSTEM,
  ...decisive(
    {
      pattern:
        /: (?:Read-only file system|Input\/output error|Stale file handle|Transport endpoint is not connected)$/,
      category: 'infrastructure',
      only: ['root'],
    },
    {
      pattern:
        /^(?:!! )?Copr (?:builder|VM) .{0,40}(?:lost|unreachable)|^Failed: the builder|Could not find useradd in chroot|VM (?:was )?(?:lost|terminated)|^(?:ERROR: )?(?:mockbuild\.exception\.\w*Lock|Build root is locked)/,
      category: 'infrastructure',
    },
  ),
]
