import type { Mutation } from './mutation.ts'

const SRC = 'packages/domain/src'
const QUOTAS = `${SRC}/quotas/quotas.test.ts`

/** Faults in the quotas for storage and tasks. */
export const QUOTA_FAULTS: readonly Mutation[] = [
  {
    name: 'concurrent-submissions-pass-quota',
    file: `${SRC}/builds/submit.ts`,
    find: '    await lockQuota(tx, project.ownername)\n',
    replace: '',
    breaks: 'Builds that are submitted at the same time can exceed the quota of waiting tasks.',
    tests: [QUOTAS],
  },
  {
    name: 'storage-quota-off-by-one',
    file: `${SRC}/quotas/quota-check.ts`,
    find: 'if (used < max && used + bytes <= max) continue',
    replace: 'if (used <= max && used + bytes <= max) continue',
    breaks: 'An owner who holds exactly the quota can submit builds.',
    tests: [QUOTAS],
  },
  {
    name: 'expired-results-count',
    file: `${SRC}/retention/expire-chroots.ts`,
    find: 'result_dir: null, result_bytes: 0 }',
    replace: 'result_dir: null }',
    breaks: 'Expired results still count against the storage quota.',
    tests: [QUOTAS],
  },
  {
    name: 'project-deletion-waits-for-fold',
    file: `${SRC}/quotas/storage-use.ts`,
    find: 'project_id = ${id} for update skip locked)',
    replace: 'project_id = ${id})',
    breaks: 'Deleting a project and folding its storage changes can deadlock.',
    tests: [QUOTAS],
  },
]
