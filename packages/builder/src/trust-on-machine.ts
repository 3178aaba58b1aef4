import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { trustAuthorities } from '@copr/process/trust'

/** CA bundles of Debian and Fedora, which dnf, git and curl trust. */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt']

/** Makes this process and all programs on the machine trust the authorities in `pem` in addition to the public ones. */
export async function trustOnMachine(
  pem: string,
  state_dir: string,
  bundles = BUNDLES,
): Promise<Disposable> {
  for (const path of bundles) {
    const known = await readFile(path, 'utf8').catch(() => undefined)
    if (known !== undefined && !known.includes(pem.trim())) await appendFile(path, `\n${pem}`)
  }
  const own = join(state_dir, 'trusted-ca.crt')
  await writeFile(own, pem)
  return trustAuthorities([own])
}
