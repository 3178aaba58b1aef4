import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import type { MakeOptions } from './fresh-root.ts'
import { proxySettings } from './user-settings.ts'

/** The folder for certificates that an administrator adds; `update-ca-certificates` adds them to the system's trusted certificates. */
const CERTIFICATES = '/usr/local/share/ca-certificates'
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Runs a program in an unfinished root. It runs in namespaces of its own, so that nothing that a package starts keeps running. */
export async function inRoot(dir: string, command: string[], options: MakeOptions): Promise<void> {
  const script =
    'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; cat /etc/resolv.conf >"$0/etc/resolv.conf"; exec chroot "$0" "$@"'
  const unshare = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child']
  await runOrThrow('unshare', [...unshare, 'sh', '-ec', script, dir, ...command], {
    env: { ...proxySettings(process.env), PATH, HOME: '/root', DEBIAN_FRONTEND: 'noninteractive' },
    ...options,
  })
}

/** Reads the certificates that this machine trusts in addition to those of its distribution; a company's proxy may require one. */
export function readCertificates(): Record<string, string> {
  if (!existsSync(CERTIFICATES)) return {}
  const files = readdirSync(CERTIFICATES, { recursive: true, encoding: 'utf8' })
  return Object.fromEntries(
    files
      .filter((name) => name.endsWith('.crt'))
      .toSorted()
      .map((name) => [basename(name), readFileSync(join(CERTIFICATES, name), 'utf8')]),
  )
}

export function writeCertificates(dir: string): void {
  if (!existsSync(CERTIFICATES)) return
  mkdirSync(join(dir, CERTIFICATES), { recursive: true })
  cpSync(CERTIFICATES, join(dir, CERTIFICATES), { recursive: true, dereference: true })
}
