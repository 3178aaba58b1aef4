import type { Mutation } from './mutation.ts'

const SRC = 'packages/domain/src'
const CLAIM = `${SRC}/queue/claim-task.test.ts`
const LEASES = `${SRC}/queue/leases.test.ts`

/** Faults in the code that chooses which task a machine gets. */
export const CLAIMS: readonly Mutation[] = [
  {
    name: 'claim-ignores-arch',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and (task.arch is null or task.arch = any(${machine.arches}))\n',
    replace: '',
    breaks: 'A machine gets builds of architectures that it does not have.',
    tests: [LEASES],
  },
  {
    name: 'claim-ignores-enrolled-arch',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and (me.planned_arches is null or task.arch is null or task.arch = any(me.planned_arches))\n',
    replace: '',
    breaks: 'A machine gets builds of architectures that it was not enrolled for.',
    tests: [CLAIM],
  },
  {
    name: 'claim-ignores-enrolled-kinds',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and task.kind = any(me.planned_kinds)\n',
    replace: '',
    breaks: 'A builder can claim imports, which only dist-git may run.',
    tests: [CLAIM],
  },
  {
    name: 'claim-ignores-tags',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and task.tags <@ ${machine.tags}::text[]\n',
    replace: '',
    breaks: 'A machine gets tasks that need a tag that the machine does not have.',
    tests: [CLAIM, LEASES],
  },
  {
    name: 'claim-ignores-sandbox',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and (not me.one_sandbox or me.sandbox is null or me.sandbox = task.sandbox)\n        and',
    replace: '        and',
    breaks:
      "A used machine is offered a task of another sandbox, and gets none of its own sandbox's tasks.",
    tests: [CLAIM],
  },
  {
    name: 'claim-ignores-limits',
    file: `${SRC}/queue/claim-task.ts`,
    find: "(task.kind not in ('source', 'rpm') or (${withinLimits(limits)}))",
    replace: "(task.kind not in ('source', 'rpm') or true)",
    breaks:
      "Tasks of an owner who has reached a limit keep other owners' tasks from being claimed.",
    tests: [CLAIM],
  },
  {
    name: 'concurrent-claims-pass-limits',
    file: `${SRC}/queue/claim-task.ts`,
    find: '  if (!rows[0]?.ok) throw new Refused()\n',
    replace: '',
    breaks: 'Machines that claim tasks at the same time can exceed the limits.',
    tests: [CLAIM],
  },
  {
    name: 'owner-limit-off-by-one',
    file: `${SRC}/queue/claim-conditions.ts`,
    find: 'having sum(n) >= case when quota.id is null then ${max_builds_per_owner}::bigint',
    replace: 'having sum(n) > case when quota.id is null then ${max_builds_per_owner}::bigint',
    breaks: 'An owner can run one build more than the limit.',
    tests: [CLAIM],
  },
  {
    name: 'claim-ignores-owner',
    file: `${SRC}/queue/claim-task.ts`,
    find: 'task.priority >= ${BACKGROUND}, ${OWNERS_RUNNING},',
    replace: 'task.priority >= ${BACKGROUND},',
    breaks: 'An owner with many builds can occupy all machines.',
    tests: [CLAIM],
  },
  {
    name: 'claim-ignores-batch',
    file: `${SRC}/queue/claim-task.ts`,
    find: 'earlier.finished_at is null))',
    replace: 'earlier.finished_at is not null))',
    breaks: 'A build does not wait for the batch before it.',
    tests: [LEASES],
  },
  {
    name: 'claim-by-dirty-machine',
    file: `${SRC}/queue/claim-conditions.ts`,
    find: 'and not machine.needs_cleaning ',
    replace: '',
    breaks: 'A machine that still has the files of another build gets a task.',
    tests: [CLAIM],
  },
  {
    name: 'machine-used-once-too-often',
    file: `${SRC}/queue/claim-conditions.ts`,
    find: 'machine.uses < pool.reuse_max_count',
    replace: 'machine.uses <= pool.reuse_max_count',
    breaks: 'A machine is used once more than its pool allows.',
    tests: [CLAIM],
  },
  {
    name: 'claim-before-its-time',
    file: `${SRC}/queue/claim-task.ts`,
    find: '        and (task.not_before is null or task.not_before <= ${now})\n',
    replace: '',
    breaks: 'A task that failed for a temporary reason is retried without a delay.',
    tests: [CLAIM, LEASES],
  },
  {
    name: 'attempts-not-counted',
    file: `${SRC}/states/task-state.ts`,
    find: 'attempts = attempts + 1',
    replace: 'attempts = attempts',
    breaks: 'The attempts of a task are not counted.',
    tests: [LEASES],
  },
  {
    name: 'enrollment-gives-all',
    file: `${SRC}/machines/machines.ts`,
    find: 'planned ? said.filter((each) => planned.includes(each)) : said',
    replace: 'planned ? said : said',
    breaks: 'A machine decides for itself which tasks it may run.',
    tests: [`${SRC}/machines/machines.test.ts`],
  },
  {
    name: 'drained-machine-loses-session',
    file: `${SRC}/machines/machines.ts`,
    find: ".where('state', 'in', ['ready', 'draining'])",
    replace: ".where('state', 'in', ['ready'])",
    breaks: 'A machine that is being drained cannot finish its task.',
    tests: [`${SRC}/machines/machines.test.ts`],
  },
]
