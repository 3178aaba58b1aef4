import { decisive, type Finding, likely, type Rule, sure } from '../rule.ts'

const MEMORY =
  'Build with fewer processes at a time (%constrain_build in the spec), with less debug information, or on a machine with more memory.'
const DISK = 'Make the build write less, remove what it no longer needs, or ask for more disk.'
const NETWORK =
  'Add the file as a source of the package, or its package to BuildRequires; if the build must download, enable network access in the project.'
const STALLED = 'Find the step that hangs at the end of the log, or raise the timeout of the build.'

const NOT_TESTS = [
  'root',
  'spec',
  '%prep',
  '%generate_buildrequires',
  '%conf',
  '%build',
  '%install',
  '%files',
]

/** Outside of %check, these messages explain all other errors; tests may print them on purpose. */
const EXHAUSTED: Omit<Rule, 'rank'>[] = [
  {
    pattern: /virtual memory exhausted|[Cc]annot allocate memory|: out of memory allocating/,
    category: 'resources',
    hint: MEMORY,
  },
  { pattern: /LLVM ERROR: out of memory/, category: 'resources', hint: MEMORY },
  { pattern: /java\.lang\.OutOfMemoryError/, category: 'resources', hint: MEMORY },
  { pattern: /JavaScript heap out of memory/, category: 'resources', hint: MEMORY },
  { pattern: /[Nn]o space left on device/, category: 'resources', hint: DISK },
  { pattern: /Disk quota exceeded/, category: 'resources', hint: DISK },
  {
    pattern: /\bfork: (?:retry: )?Resource temporarily unavailable/,
    category: 'resources',
    hint: 'Start fewer processes at a time, such as with make -j2.',
  },
]

/** Rules for messages about memory, disk and time limits. */
export const LIMITS = [
  ...decisive(...EXHAUSTED.map((rule) => ({ ...rule, only: NOT_TESTS }))),
  ...likely(...EXHAUSTED),
  ...decisive(
    {
      pattern:
        /Killed signal terminated program|Out of memory: Kill(?:ed)? process|[Mm]emory cgroup out of memory|\boom-kill(?:er)?\b|\boom_reaper\b|\(signal: 9, SIGKILL: kill\)|terminated with signal 9 \[Killed\]/,
      category: 'resources',
      hint: MEMORY,
    },
    {
      pattern: /commandTimeoutExpired|^(?:ERROR: )?Timeout\(\d+\) expired for command/,
      category: 'timeout',
      hint: STALLED,
    },
    {
      pattern:
        /\bCopr timeout\b|exceeded the timeout of \d+ seconds|^Job seems to be stuck here, killed|execution took longer than \d|exceeded the maximum (?:execution time|time limit)|ran longer than the maximum time|^Too long with no output|^No output has been received in the last \d|RESULT_TIMED_OUT/i,
      category: 'timeout',
      hint: STALLED,
    },
    {
      pattern:
        /^(?:Build|Task|Job) (?:has )?(?:timed out|exceeded (?:the )?time ?out|exceeded (?:the )?(?:maximum )?time limit)/i,
      category: 'timeout',
      hint: STALLED,
    },
  ),
  ...decisive({
    pattern:
      /^Cancelling nested steps due to timeout|exceeded the maximum (?:allowed |execution )?time|Build execution time has reached the maximum|^The (?:action|job) .{1,200} has timed out after \d|has timed out after \d+ (?:minutes|seconds|hours)|[Tt]imed out after \d+ ?(?:m|min|minutes|s|sec|seconds|h|hours)\b|^(?:E: )?Build killed with signal (?:TERM|KILL|15|9) after \d|^Timeout (?:has been|was) exceeded|[Mm]aximum (?:test|build) time .{0,40}exceeded|(?:no (?:output|activity)|inactivity) (?:for|in the last) \d|start operation timed out|^Build was killed after \d|Failed with result 'timeout'/,
    category: 'timeout',
    hint: STALLED,
    only: NOT_TESTS,
  }),
  ...sure(
    {
      pattern:
        /^Sending interrupt signal to process|\bterminating on signal 15\b|^# ?Received cancellation signal/,
      category: 'timeout',
      hint: STALLED,
    },
    {
      pattern: /^(?!.{0,400}:\/\/).{0,300}(?:context deadline exceeded|DEADLINE_EXCEEDED)/,
      category: 'timeout',
      hint: STALLED,
      only: NOT_TESTS,
    },
    {
      pattern: /^\S{0,40}: memory exhausted\b|^std::bad_alloc$|what\(\): {1,2}std::bad_alloc/,
      category: 'resources',
      hint: MEMORY,
    },
    { pattern: /^MemoryError\b|^Out of memory!?$/, category: 'resources', hint: MEMORY },
    {
      pattern:
        /(?:: |\b\d{1,9} )Killed(?: {2,}.*)?$|^Killed$|exit(?:ed)? (?:code|status) 137\b|non-zero code: 137\b|\] Error 137$/,
      category: 'resources',
      hint: MEMORY,
    },
    { pattern: /: Too many open files$/, category: 'resources' },
    { pattern: /: File too large$/, category: 'resources', hint: DISK },
    {
      pattern:
        /\bresource temporarily unavailable\b.*\bthread|can't start new thread|pthread_create.{0,30}Resource temporarily unavailable|failed to create new OS thread/i,
      category: 'resources',
    },
  ),
  ...sure({
    pattern: /^timeout: sending signal/,
    category: 'timeout',
    hint: STALLED,
    only: NOT_TESTS,
  }),
  ...likely({
    pattern:
      /^Terminated$|^make(?:\[\d+\])?: \*{3} .{0,300} Terminated$|\] Error (?:124|143)$|\bexit(?:ed)?(?: with)? (?:code|status):? (?:124|143)\b|^(?:Error: )?The operation was cancell?ed\.?|^signal: terminated/,
    category: 'timeout',
    hint: STALLED,
    only: NOT_TESTS,
  }),
  ...likely({
    pattern: /^timeout: sending signal|: terminated by timeout$/i,
    category: 'timeout',
    hint: STALLED,
  }),
]

/** Findings below an error of cargo. Each cause is on a line of its own, and the last one decides. */
const CARGO_CAUSES: Finding[] = [
  {
    pattern: /failed to read root of directory source: (\S{1,300})/,
    category: 'prep',
    hint: 'The directory of the vendored crates is missing: $1. Add it as a source and unpack it in %prep, or correct its path in .cargo/config.toml.',
  },
  {
    pattern:
      /no matching package (?:named )?`?([^`\s]*)|[Pp]erhaps a crate was updated and forgotten to be re-vendored/,
    category: 'dependency',
    hint: 'Add the crate $1 to BuildRequires or to the vendored sources.',
  },
  {
    pattern: /failed to (?:read|parse|load) .{0,20}\S{0,300}Cargo\.(?:toml|lock)/,
    category: 'prep',
    hint: 'A Cargo.toml or Cargo.lock of the sources is missing or damaged.',
  },
]

const NO_NETWORK: Omit<Rule, 'rank'>[] = [
  {
    pattern:
      /:\/\/.{1,400}(?:context deadline exceeded|Client\.Timeout exceeded|i\/o timeout|TLS handshake timeout)|unrecognized import path "/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /[Cc]ould ?n[o']t resolve host|[Tt]emporary failure in name resolution|[Nn]ame or service not known|unable to resolve host address|unable to resolve '|\b(?:ENOTFOUND|EAI_AGAIN)\b|[Nn]o address associated with hostname|nodename nor servname|dns error: failed to lookup/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern: /dial (?:tcp|udp)\b|server misbehaving$|: lookup \S{1,100} on \S/,
    category: 'network',
    hint: 'Vendor the Go modules, and add them as a source of the package.',
  },
  {
    pattern: /Network is unreachable|ENETUNREACH|network is unreachable/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /[Ff]ailed to establish a new connection|NewConnectionError|ConnectTimeoutError|urlopen error|requests\.exceptions\.Connection|curl: \((?:5|6|7|18|22|28|35|52|56|60|92)\)|HTTPError: HTTP Error \d|^ERROR \d{3}: \w|RPC failed; (?:curl|HTTP)|the remote end hung up unexpectedly|[Ss]erver certificate verification failed|SSL certificate problem|CERTIFICATE_VERIFY_FAILED|Could not (?:GET|HEAD|get resource) '?https?:|Failed (?:to )?connect to \S{1,200}(?: port|; )|^(?:(?!:\/\/).){0,400}:\/\/.{1,400}\b[Cc]onnection (?:refused|timed out|reset)|^(?:curl|wget|git|ssh|rsync|fatal|pip\d?|npm|yarn|cargo|gem|mvn|svn|hg|go)\b.{0,200}[Cc]onnection (?:refused|timed out|reset)/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /\b[Uu]nknown host\b|java\.net\.(?:UnknownHost|Connect|SocketTimeout)Exception|Could not transfer artifact/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /^npm (?:ERR!|error) (?:code (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENOTCACHED)|network\b)/,
    category: 'network',
    hint: 'Add node_modules or an npm cache as a source of the package.',
  },
  {
    pattern:
      /spurious network error|failed to download from `|[Uu]nable to update registry|failed to fetch `https?:|download of config\.json failed|attempting to make an HTTP request, but --offline was specified/,
    category: 'network',
    hint: 'Vendor the crates, and add them as a source of the package.',
    below: CARGO_CAUSES,
  },
  {
    pattern:
      /Gem::RemoteFetcher::FetchError|Unable to download data from https?:|Could not fetch specs from|Errno::ECONNREFUSED|Could not reach host/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /unable to access 'https?:|^fatal: (?:repository '.{1,200}' not found|Remote branch \S{1,200} not found|could not read Username|clone of|unable to connect|Could not read from remote)|^ssh: connect to host/,
    category: 'network',
    hint: NETWORK,
  },
  {
    pattern:
      /I\/O error : Attempt to load network entity|Operation in progress.*https?:|failed to load external entity "https?:/,
    category: 'network',
    hint: 'Add the package with the DTD or the style sheet to BuildRequires, such as docbook-style-xsl, and forbid network access (--nonet).',
  },
  {
    pattern:
      /^error: Couldn't download |^error: downloading '|^wget: |: error:? .{0,20}downloading |CMake Error at .{0,200}(?:FetchContent|ExternalProject|[Dd]ownload)/,
    category: 'network',
    hint: NETWORK,
  },
]

/** Messages that, below the message of a build tool, show that a failed download is the cause. */
export const DOWNLOADS: Finding[] = NO_NETWORK
/** Findings below an error of cargo, which say why it has failed. */
export const CARGO: Finding[] = [...CARGO_CAUSES, ...DOWNLOADS]

/** Rules for messages about downloads. In %check, the first error is the test that needs the network. */
export const NETWORK_RULES = [
  ...sure(...NO_NETWORK.map((rule) => ({ ...rule, only: NOT_TESTS }))),
  ...likely(...NO_NETWORK),
]
