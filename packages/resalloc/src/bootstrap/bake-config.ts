import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import { bakeFiles, type InstallConfig } from './machine-files.ts'

export interface BakeConfig extends InstallConfig {
  /** Marks the lines that bake.sh writes to the console, to which other programs write as well. */
  readonly nonce: string
  /** Seconds after which the machine powers itself off even if it has not finished. */
  readonly limit_seconds: number
}

/** Returns the user data of a machine that an image is made of. It contains no secret: images are kept, and may be shared. */
export function bakeUserData(facts: BakeConfig): Buffer {
  const config = {
    bootcmd: [
      [
        'systemd-run',
        '--unit=copr-bake-limit',
        `--on-boot=${Math.ceil(facts.limit_seconds)}`,
        'systemctl',
        'poweroff',
      ],
    ],
    write_files: bakeFiles(facts).map(({ path, content, mode }) => ({
      path,
      content,
      permissions: mode,
      owner: 'root:root',
    })),
    ssh_pwauth: false,
    runcmd: [
      [
        'systemd-run',
        '--no-block',
        '--unit=copr-bake',
        '/bin/sh',
        '/usr/local/libexec/copr-builder/bake.sh',
        facts.nonce,
      ],
    ],
  }
  return gzipSync(`#cloud-config\n${stringify(config, { lineWidth: 0 })}`, { level: 9 })
}

/** Returns the digest of the scripts that make an image; an image with another digest is outdated. */
export function bakeDigest(): string {
  const hash = createHash('sha256')
  const facts = { gateway_url: '', agent: { sha256: '', node_sha256: {} } }
  for (const { path, content } of bakeFiles(facts))
    if (path.endsWith('.sh')) hash.update(`${path}\n${content}\n`)
  return hash.digest('hex')
}

export type BakeState =
  | { kind: 'silent' }
  | { kind: 'working'; at: string }
  | { kind: 'done' }
  | { kind: 'failed'; log: string[] }

/** Parses the progress that bake.sh has reported on the console. */
export function bakeStateOf(console_text: string, nonce: string): BakeState {
  const mark = `copr-bake ${nonce} `
  const said = console_text
    .split(/\r?\n/)
    .flatMap((line) => (line.includes(mark) ? line.slice(line.indexOf(mark) + mark.length) : []))
  const log = said.filter((line) => line.startsWith('log ')).map((line) => line.slice(4).trim())
  const words = said.filter((line) => !line.startsWith('log ')).map((line) => line.trim())
  if (words.includes('failed')) return { kind: 'failed', log }
  if (words.includes('done')) return { kind: 'done' }
  const at = words.at(-1)
  return at === undefined ? { kind: 'silent' } : { kind: 'working', at }
}
