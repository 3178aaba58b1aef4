import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A user id that owns one folder and nothing else on the machine. It has no entry in /etc/passwd. */
export interface PrivateAccount extends Disposable {
  uid: number
  /** The command prefix that runs a program as this account. */
  prefix: string[]
  /** The command prefix for a program that looks up the account's name, as initdb does; it sees its own /etc/passwd. */
  named_prefix: string[]
}

/** Above all ids that systemd assigns to users, services and containers. */
const FIRST_UID = 1_880_000_000
const UIDS = 100_000_000
/** In a container with fewer ids, the account is chosen from at most this many ids at the end of the range. */
const FEW_UIDS = 10_000
const PASSWD = '/etc/passwd'
const ENTER = 'mount --bind "$1" /etc/passwd; shift; exec "$@"'

/**
 * Makes a private account the owner of a folder. The account runs one program, and can reach the program and the folder even
 * below a directory that other users cannot enter, such as /root. Later starts reuse the account that owns the folder; a folder
 * that is owned by a shared account is given to a private one.
 */
export function privateAccount(dir: string, program: string): PrivateAccount {
  const uid = ownerOf(dir) ?? freeUid(dir)
  giveTo(dir, uid)
  const plain = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  const reaches = ([command = '', ...args]: string[]): boolean =>
    spawnSync(command, [...args, 'sh', '-c', 'test -x "$1" && test -w "$2"', 'sh', program, dir])
      .status === 0
  const seeing = [
    ...plain,
    // initdb calls access(2), which without this ignores the capability and checks only the permissions of the account.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=-all,+dac_read_search',
    '--ambient-caps=-all,+dac_read_search',
  ]
  const prefix = [plain, seeing].find(reaches)
  if (!prefix)
    throw new Error(
      `Cannot start PostgreSQL as root: the user id ${uid} cannot reach ${program} and ${dir}; use a folder that every user can enter`,
    )
  const passwd = passwdWith(uid)
  return {
    uid,
    prefix,
    named_prefix: [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-ec',
      ENTER,
      'sh',
      join(passwd, 'passwd'),
      ...prefix,
    ],
    [Symbol.dispose]: () => rmSync(passwd, { recursive: true, force: true }),
  }
}

/** Returns the account of an earlier start; undefined if the folder belongs to root or to a named account. */
function ownerOf(dir: string): number | undefined {
  const { uid } = statSync(dir)
  return uid !== 0 && !namedUids().has(uid) ? uid : undefined
}

function namedUids(): Set<number> {
  const lines = readFileSync(PASSWD, 'utf8').split('\n')
  return new Set(lines.map((line) => Number(line.split(':')[2] ?? Number.NaN)))
}

/** Derives an unused user id from the folder's path, so that two systems on one machine get different ids. */
function freeUid(dir: string): number {
  const [first, count] = availableUids()
  const taken = new Set([...namedUids(), ...runningUids()])
  const start = createHash('sha256').update(realpathSync(dir)).digest().readUInt32BE(0)
  for (let tries = 0; tries < Math.min(count, 1000); tries++) {
    const uid = first + ((start + tries) % count)
    if (!taken.has(uid)) return uid
  }
  throw new Error('Cannot start PostgreSQL as root: no user id is free')
}

/**
 * Returns a range of user ids that exist in this user namespace. A container may have only 65,536, of which the last ones are
 * mostly unused.
 */
function availableUids(): [first: number, count: number] {
  const ranges = readFileSync('/proc/self/uid_map', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([from = 0, , count = 0]) => ({ from, end: from + count }))
  if (ranges.some(({ from, end }) => from <= FIRST_UID && end >= FIRST_UID + UIDS))
    return [FIRST_UID, UIDS]
  const largest = ranges.toSorted((a, b) => b.end - b.from - (a.end - a.from))[0]
  const { from, end } = largest ?? { from: 0, end: 1 }
  const count = Math.max(1, Math.min(FEW_UIDS, Math.floor((end - from) / 2)))
  return [end - count, count]
}

function runningUids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [statSync(`/proc/${pid}`).uid]
      } catch {
        return [] // it has exited
      }
    })
}

/** Changes the owner of the folder's contents first: once the folder itself has the right owner, so does everything in it. */
function giveTo(dir: string, uid: number): void {
  if (statSync(dir).uid === uid) return
  for (const { parentPath, name } of readdirSync(dir, { withFileTypes: true, recursive: true }))
    lchownSync(join(parentPath, name), uid, uid)
  chownSync(dir, uid, uid)
}

/** Creates a folder with a copy of /etc/passwd to which the account is added. */
function passwdWith(uid: number): string {
  const dir = mkdtempSync(join(tmpdir(), 'copr-passwd-'))
  const known = readFileSync(PASSWD, 'utf8').replace(/\n?$/, '\n')
  writeFileSync(
    join(dir, 'passwd'),
    `${known}copr-postgres:x:${uid}:${uid}::/nonexistent:/usr/sbin/nologin\n`,
    { mode: 0o644 },
  )
  return dir
}
