import { decisive, likely, sure, weak } from '../rule.ts'

const MISSING =
  'No repository of the build provides $1: correct the name in BuildRequires, or add the repository that has it to the project.'
const CONFLICT =
  'The packages cannot be installed together: see which repositories and versions the lines name.'
const REPOSITORY =
  'A repository could not be read: submit the build again later; if it fails again, ask the administrator of the repository.'
const ROOT = ['root', 'spec', '%generate_buildrequires']

/** Messages of dnf, while the buildroot is filled. */
export const DNF = [
  ...sure(
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

/** Faults of the build system, before the package has been built. */
const BUILD_SYSTEM = sure(
  {
    pattern:
      /^fatal: .{0,60}'?(?:https?|git|ssh):\/\/[^\s'/]{0,100}(?:dist-?git|\bpkgs\.)[^\s']{0,200}'?/,
    category: 'infrastructure',
    hint: 'The source could not be fetched from the build system: submit the build again later; if it fails again, ask the administrator.',
  },
  {
    pattern:
      /^su: (?:Permission denied|Authentication (?:failure|token)|System error|Module is unknown|cannot |user \S{1,64} does not exist)|^(?:unpack failed\.|No buildstatus set)|the build host has a kernel or hardware problem/,
    category: 'infrastructure',
    only: ROOT,
  },
)

/** Faults of the machine that builds. */
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
