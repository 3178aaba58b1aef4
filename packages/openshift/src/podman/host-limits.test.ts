import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitsToKeep, withLimits } from './host-limits.ts'

const limits = (
  nproc: string,
  nofile: string,
): string => `Limit                     Soft Limit           Hard Limit           Units     
Max processes             1000                 ${nproc.padEnd(20)} processes 
Max open files            1024                 ${nofile.padEnd(20)} files     
`
const ALL = 'Name:\tnode\nCapEff:\t000001ffffffffff\n'
const WITHOUT = 'Name:\tnode\nCapEff:\t000001fffeffffff\n'

for (const [title, facts, kept] of [
  [
    'a process that may raise limits keeps none',
    { limits: limits('96551', '20000'), status: ALL, pid_max: '32768\n' },
    undefined,
  ],
  [
    'the hard limit of open files, and the number of process ids',
    { limits: limits('96551', '20000'), status: WITHOUT, pid_max: '32768\n' },
    { nofile: 20_000, nproc: 32_768 },
  ],
  [
    'a hard limit below the number of process ids',
    { limits: limits('1024', '1024'), status: WITHOUT, pid_max: '4194304\n' },
    { nofile: 1024, nproc: 1024 },
  ],
  [
    'no limits below those that podman requests',
    { limits: limits('unlimited', '1073741816'), status: WITHOUT, pid_max: '4194304\n' },
    { nofile: 1_048_576, nproc: 4_194_304 },
  ],
] as const)
  test(`limitsToKeep(): ${title}`, () => assert.deepEqual(limitsToKeep(facts), kept))

const LINE = 'default_ulimits = ["nofile=20:20", "nproc=30:30"]\n'

for (const [title, before, after] of [
  ['an empty configuration', '', `[containers]\n${LINE}`],
  [
    'one with the section',
    '# ours\n[containers]\nlog_size_max = 1\n[engine]\nruntime = "crun"\n',
    `# ours\n[containers]\n${LINE}log_size_max = 1\n[engine]\nruntime = "crun"\n`,
  ],
  [
    'one without the section',
    '[engine]\nruntime = "crun"\n',
    `[engine]\nruntime = "crun"\n[containers]\n${LINE}`,
  ],
  [
    'one with limits of its own',
    '[containers]\ndefault_ulimits = ["nofile=5:5"]\n',
    '[containers]\ndefault_ulimits = ["nofile=5:5"]\n',
  ],
  [
    'one whose limits are a comment',
    '[containers]\n# default_ulimits = []\n',
    `[containers]\n${LINE}# default_ulimits = []\n`,
  ],
] as const)
  test(`withLimits(): ${title}`, () =>
    assert.equal(withLimits(before, { nofile: 20, nproc: 30 }), after))
