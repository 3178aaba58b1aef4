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

/** An account for one folder: its user ID owns nothing else on the machine, and is not in /etc/passwd. */
export interface PrivateAccount extends Disposable {
  uid: number
  /** The command prefix that runs a program as this account. */
  prefix: string[]
  /**
   * A command prefix for programs that look up the account's name, as initdb does: they see a private /etc/passwd that contains the
   * account.
   */
  named_prefix: string[]
}

/** Higher than every ID that systemd assigns to users, services and containers. */
const FIRST_UID = 1_880_000_000
const UIDS = 100_000_000
/**
 * Maximum number of user IDs to choose from in a container whose user namespace lacks the range above. They are at the end of its largest
 * range.
 */
const FEW_UIDS = 10_000
const PASSWD = '/etc/passwd'
const ENTER = 'mount --bind "$1" /etc/passwd; shift; exec "$@"'

/**
 * Makes a private account the owner of a folder. The account can reach the folder, and the program that it is to run, even if they are
 * below a directory that other users cannot enter, such as /root. If the folder already belongs to a private account, as after an earlier
 * start, that account is reused. If the folder belongs to root or to a named account, it is given to a private one.
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
    // initdb calls access(2). Without this setting, access(2) ignores the capability and checks only the permissions of the account.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=-all,+dac_read_search',
    '--ambient-caps=-all,+dac_read_search',
  ]
  const prefix = [plain, seeing].find(reaches)
  if (!prefix)
    throw new Error(
      `Cannot start PostgreSQL: root starts it as the user id ${uid}, which cannot reach ${program} or ${dir}; use a folder that every user can enter`,
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
 * Returns a range of user IDs that exist in this user namespace. A container may have only 65,536 of them, the last of which are mostly
 * unused.
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

/** The folder's contents change owner first. Therefore, if the folder itself already has the right owner, everything in it does as well. */
function giveTo(dir: string, uid: number): void {
  if (statSync(dir).uid === uid) return
  for (const { parentPath, name } of readdirSync(dir, { withFileTypes: true, recursive: true }))
    lchownSync(join(parentPath, name), uid, uid)
  chownSync(dir, uid, uid)
}

/** Creates a folder with a copy of /etc/passwd that also contains the account. */
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
