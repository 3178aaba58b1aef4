import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from '@copr/testkit/cluster/start-cluster'
import { stringify } from 'yaml'
import { coprctl } from '@copr/cli/coprctl'

export interface Said {
  code: number
  out: string
  err: string
}

/** Runs a command as one user of a cluster, for the deployment that `vars` describe. The vars.yml is written to a new folder in `dir`. */
export async function typeCommand(
  dir: string,
  { kubeconfig }: Pick<Identity, 'kubeconfig'>,
  vars: Record<string, unknown>,
  command: string,
  ...args: string[]
): Promise<Said> {
  // Each command gets its own file, because several commands may run at the same time.
  const file = join(mkdtempSync(join(dir, 'vars-')), 'vars.yml')
  writeFileSync(file, stringify(vars))
  const said = { out: '', err: '' }
  const code = await coprctl([command, '--vars', file, '--kubeconfig', kubeconfig, ...args], {
    env: {},
    stdin: (async function* () {})(),
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
  })
  return { code, ...said }
}
