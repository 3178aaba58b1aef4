import type { LostCause } from '@copr/contract/builder-protocol'

/** An error that is caused by the machine rather than by the task. The task is requeued. */
export class MachineFault extends Error {
  override readonly name = 'MachineFault'
  readonly lost: LostCause

  constructor(lost: LostCause, message: string, options?: ErrorOptions) {
    super(message, options)
    this.lost = lost
  }
}

const BY_CODE: Record<string, LostCause> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  ENOMEM: 'out_of_memory',
}

/**
 * Returns why a task was lost, according to the first error in the chain of causes whose cause of loss is known; `setup` if there is none.
 */
export function lostCauseOf(error: unknown): LostCause {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof MachineFault) return each.lost
    const code = 'code' in each ? BY_CODE[String(each.code)] : undefined
    if (code) return code
  }
  return 'setup'
}
