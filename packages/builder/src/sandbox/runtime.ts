import { missingPrograms } from '../programs.ts'

/** The OCI runtimes that sandboxes can use, the preferred one first. */
export const OCI_RUNTIMES = ['runc', 'crun'] as const

/** Returns the runtime of this machine; undefined if it has none. */
export function ociRuntime(): string | undefined {
  return OCI_RUNTIMES.find((name) => missingPrograms([name]).length === 0)
}
