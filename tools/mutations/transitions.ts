import type { Mutation } from './mutation.ts'

const SRC = 'packages/domain/src'
const STATES = `${SRC}/states/states.test.ts`
const LEASES = `${SRC}/queue/leases.test.ts`
const CLAIM = `${SRC}/queue/claim-task.test.ts`
const MACHINES = `${SRC}/machines/machines.test.ts`

/** Faults in the state machines of builds, tasks and machines. */
export const TRANSITIONS: readonly Mutation[] = [
  {
    name: 'task-moves-from-any-state',
    file: `${SRC}/states/task-state.ts`,
    find: `    .where('state', 'in', before)\n`,
    replace: '',
    breaks: 'The compare-and-set of tasks does not compare.',
    tests: [STATES],
  },
  {
    name: 'chroot-moves-from-any-state',
    file: `${SRC}/states/chroot-state.ts`,
    find: `    .where('state', 'in', before)\n`,
    replace: '',
    breaks: 'The compare-and-set of build chroots does not compare.',
    tests: [STATES],
  },
  {
    name: 'source-moves-from-any-state',
    file: `${SRC}/states/source-state.ts`,
    find: `    .where('source_state', 'in', before)\n`,
    replace: '',
    breaks: 'The compare-and-set of source builds does not compare.',
    tests: [STATES],
  },
  {
    name: 'machine-moves-though-changed',
    file: `${SRC}/states/machine-state.ts`,
    find: `    .where('version', '=', seen.version)
    .returningAll()
    .executeTakeFirst()
  //`,
    replace: `    .returningAll()
    .executeTakeFirst()
  //`,
    breaks:
      "A machine's state changes although another writer has changed the machine since it was read.",
    tests: [MACHINES],
  },
  {
    name: 'machine-changes-though-changed',
    file: `${SRC}/states/machine-state.ts`,
    find: `    .where('version', '=', seen.version)
    .returningAll()
    .executeTakeFirst()
}`,
    replace: `    .returningAll()
    .executeTakeFirst()
}`,
    breaks: 'A stale write to a machine overwrites a newer one.',
    tests: [MACHINES],
  },
  {
    name: 'illegal-moves-allowed',
    file: `${SRC}/states/transitions.ts`,
    find: `if (!isAllowed(transitions, from, to))`,
    replace: `if (from === to && !isAllowed(transitions, from, to))`,
    breaks: 'An illegal transition that a caller requests is not refused.',
    tests: [STATES],
  },
  {
    name: 'canceled-chroot-succeeds',
    file: `${SRC}/states/chroot-state.ts`,
    find: `  canceled: [],\n  skipped`,
    replace: `  canceled: ['succeeded'],\n  skipped`,
    breaks: 'A canceled build chroot can succeed.',
    tests: [STATES, LEASES],
  },
  {
    name: 'done-task-requeued',
    file: `${SRC}/states/task-state.ts`,
    find: `  done: [],`,
    replace: `  done: ['queued'],`,
    breaks: 'A task that has ended can go back to the queue.',
    tests: [STATES, LEASES],
  },
  {
    name: 'gone-machine-comes-back',
    file: `${SRC}/states/machine-state.ts`,
    find: `  gone: [],`,
    replace: `  gone: ['ready'],`,
    breaks: 'A machine that is gone can become ready again.',
    tests: [STATES, MACHINES],
  },
  {
    name: 'drained-machine-ready-again',
    file: `${SRC}/states/machine-state.ts`,
    find: `  draining: ['deleting', 'gone'],`,
    replace: `  draining: ['ready', 'deleting', 'gone'],`,
    breaks: 'A drained machine can take tasks again.',
    tests: [STATES, MACHINES],
  },
  {
    name: 'import-goes-back',
    file: `${SRC}/states/source-state.ts`,
    find: `  importing: ['succeeded',`,
    replace: `  importing: ['pending', 'succeeded',`,
    breaks: 'A source package that is being imported can be built again.',
    tests: [STATES, LEASES],
  },
  {
    name: 'pending-chroot-succeeds',
    file: `${SRC}/states/chroot-state.ts`,
    find: `  pending: ['starting', 'failed', 'canceled'],`,
    replace: `  pending: ['starting', 'succeeded', 'failed', 'canceled'],`,
    breaks: 'A build chroot can succeed without having been built.',
    tests: [STATES, LEASES],
  },
  {
    name: 'requeue-for-ever',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `task.attempts >= max_attempts`,
    replace: `task.attempts < 0`,
    breaks: 'A task that loses every machine is retried forever.',
    tests: [LEASES],
  },
  {
    name: 'one-attempt-too-many',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `task.attempts >= max_attempts`,
    replace: `task.attempts > max_attempts`,
    breaks: 'A task gets one attempt more than the limit.',
    tests: [LEASES],
  },
  {
    name: 'publishing-gives-up',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `task.kind !== 'publish' && task.attempts`,
    replace: `task.attempts`,
    breaks: 'Publishing fails a build after some outages of keygen or the store.',
    tests: [LEASES],
  },
  {
    name: 'result-beats-cancellation',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `if (!task.cancel_requested) return`,
    replace: `if (task) return`,
    breaks: 'A late result is accepted although the build was canceled.',
    tests: [LEASES],
  },
  {
    name: 'ended-task-keeps-machine',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `  await releaseMachine(tx, task, now)\n  const set`,
    replace: `  const set`,
    breaks: 'The machine of a task that has ended is not released.',
    tests: [CLAIM],
  },
  {
    name: 'requeued-task-keeps-machine',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `    await releaseMachine(tx, task, now)\n    const more`,
    replace: `    const more`,
    breaks: 'The machine of a task that goes back to the queue is not released.',
    tests: [CLAIM],
  },
  {
    name: 'failed-source-leaves-chroots',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `    await moveChroots(tx, ids, { to: 'failed', from: ['waiting'], set: failed })\n`,
    replace: '',
    breaks: 'The chroots of a build whose source has failed wait forever.',
    tests: [LEASES],
  },
  {
    name: 'requeued-chroot-stays-starting',
    file: `${SRC}/builds/task-outcomes.ts`,
    find: `if (task.kind === 'rpm' && task.build_chroot_id !== null) {\n      const from`,
    replace: `if (task.kind === 'import' && task.build_chroot_id !== null) {\n      const from`,
    breaks: 'A build whose machine was lost does not become pending again.',
    tests: [LEASES],
  },
  {
    name: 'canceled-build-keeps-tasks',
    file: `${SRC}/builds/cancel.ts`,
    find: `    await cancelTasks(tx, idsOf(tasks))\n`,
    replace: '',
    breaks: 'The tasks of a canceled build are still given to machines.',
    tests: [LEASES],
  },
  {
    name: 'finished-build-canceled',
    file: `${SRC}/builds/cancel.ts`,
    find: `if (build.finished_at !== null || (open.length === 0 && !isSourceOpen))`,
    replace: `if (build.finished_at === undefined)`,
    breaks: 'A finished build can be canceled.',
    tests: [LEASES],
  },
  {
    name: 'cancel-takes-published',
    file: `${SRC}/builds/cancel.ts`,
    find: `      .where('state', 'in', OPEN_CHROOT_STATES)
      .where('generation', 'is', null)
`,
    replace: `      .where('state', 'in', OPEN_CHROOT_STATES)\n`,
    breaks:
      'A cancellation marks builds as canceled although their packages are in the repository.',
    tests: [LEASES],
  },
  {
    name: 'unfinished-build-deleted',
    file: `${SRC}/builds/cancel.ts`,
    find: `  if (build.finished_at === null)\n`,
    replace: `  if (build.finished_at === undefined)\n`,
    breaks: 'A running build can be deleted.',
    tests: [LEASES],
  },
  {
    name: 'end-of-life-cancels-all-chroots',
    file: `${SRC}/builds/cancel-chroot.ts`,
    find: `    .where('chroot_id', '=', chroot_id)\n`,
    replace: '',
    breaks: 'The end of life of a chroot cancels the builds of all chroots.',
    tests: [`${SRC}/retention/chroot-life-cycle.test.ts`],
  },
  {
    name: 'build-finished-early',
    file: `${SRC}/states/build-state.ts`,
    find: `states.every((each) => isFinal`,
    replace: `states.some((each) => isFinal`,
    breaks: 'A build counts as finished when the first of its chroots is.',
    tests: [LEASES],
  },
  {
    name: 'lost-machine-keeps-tasks',
    file: `${SRC}/builds/lost-machines.ts`,
    find: `  await requeueTasksOf(db, machine_id, { reason, max_attempts, now })\n`,
    replace: '',
    breaks: 'The tasks of a machine that is gone wait until their leases expire.',
    tests: [LEASES],
  },
  {
    name: 'cordon-any-machine',
    file: `${SRC}/machines/machine-admin.ts`,
    find: `      .where('state', '=', 'ready')
      .where('provider', 'is not', null)
      .returningAll()`,
    replace: `      .where('provider', 'is not', null)
      .returningAll()`,
    breaks: 'Administrators can cordon and hold machines that are not ready.',
    tests: [MACHINES],
  },
]
