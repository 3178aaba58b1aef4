import { RpmFormatError } from './errors.ts'

export type Order = -1 | 0 | 1

export interface Evr {
  /** null if there is none, which sorts like 0 */
  epoch: number | null
  version: string
  release: string
}

export interface Nevra extends Evr {
  name: string
  arch: string
}

/** Compares two versions or two releases as librpm's rpmvercmp() does. */
export function compareVersions(a: string, b: string): Order {
  const as = segments(a)
  const bs = segments(b)
  for (let i = 0; i < Math.max(as.length, bs.length); i++) {
    const order = compareSegments(as[i], bs[i])
    if (order !== 0) return order
  }
  return 0
}

/** Compares two packages of the same name: by epoch, then version, then release. */
export function compareEvr(a: Evr, b: Evr): Order {
  return (
    sign((a.epoch ?? 0) - (b.epoch ?? 0)) ||
    compareVersions(a.version, b.version) ||
    compareVersions(a.release, b.release)
  )
}

/** Returns `name-[epoch:]version-release.arch`, like rpm's %{nevra}; the epoch is included only if the package has one. */
export function formatNevra({ name, arch, ...evr }: Nevra): string {
  return `${name}-${formatEvr(evr)}.${arch}`
}

/** Returns `[epoch:]version-release`. */
export function formatEvr({ epoch, version, release }: Evr): string {
  return `${epoch === null ? '' : `${epoch}:`}${version}-${release}`
}

/** Parses `[epoch:]version[-release]`; a missing release is ''. */
export function parseEvr(text: string): Evr {
  const [, epoch, rest = ''] = /^(?:(\d*):)?(.*)$/s.exec(text) ?? []
  if (epoch !== undefined && Number(epoch) > 0xffff_ffff)
    throw new RpmFormatError(`Cannot read version ${text.slice(0, 80)}: the epoch is too large`)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: epoch === undefined ? null : Number(epoch),
    version: dash < 0 ? rest : rest.slice(0, dash),
    release: dash < 0 ? '' : rest.slice(dash + 1),
  }
}

/** Splits a version into runs of digits, runs of letters, '~' and '^'; any other characters only separate these segments. */
function segments(version: string): string[] {
  return version.match(/[0-9]+|[a-zA-Z]+|~|\^/g) ?? []
}

function compareSegments(x: string | undefined, y: string | undefined): Order {
  if (x === y) return 0
  if (x === '~') return -1 // sorts before everything, even the end
  if (y === '~') return 1
  if (x === undefined) return -1 // the longer one wins, '^' included
  if (y === undefined) return 1
  if (x === '^') return -1 // sorts after the end, before everything else
  if (y === '^') return 1
  const xIsNumber = isNumber(x)
  if (xIsNumber !== isNumber(y)) return xIsNumber ? 1 : -1
  return xIsNumber ? compareNumbers(x, y) : compareText(x, y)
}

/** Compares numbers as strings of digits: a version may exceed any number type, and BigInt is slow for long ones. */
function compareNumbers(x: string, y: string): Order {
  const [a, b] = [x.replace(/^0+/, ''), y.replace(/^0+/, '')]
  return sign(a.length - b.length) || compareText(a, b)
}

function compareText(x: string, y: string): Order {
  return x === y ? 0 : x < y ? -1 : 1
}

function isNumber(segment: string): boolean {
  return segment.charCodeAt(0) <= 0x39
}

function sign(difference: number): Order {
  return difference === 0 ? 0 : difference < 0 ? -1 : 1
}
