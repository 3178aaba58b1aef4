/** Converts Debian's version to RPM's version and release, without the epoch, which RPM users do not expect. */
export function rpmVersion(debian: string): { version: string; release: string } {
  const [, upstream, revision] = /^(.*?)(?:-([^-]*))?$/.exec(withoutEpoch(debian)) ?? []
  // Debian joins the versions of components with +~, which rpm would take for a pre-release of the first.
  const version = (upstream ?? '').replaceAll('-', '.').replaceAll('+~', '+')
  return { version, release: revision ?? '0' }
}

export function withEpoch(version: string, epoch: number | undefined): string {
  return epoch === undefined ? version : `${epoch}:${version}`
}

function epochOf(debian: string): number {
  return Number(/^(\d+):/.exec(debian)?.[1] ?? 0)
}

function withoutEpoch(debian: string): string {
  return debian.replace(/^\d+:/, '')
}

const OPERATORS: Record<string, string> = {
  '<<': '<',
  '<=': '<=',
  '=': '=',
  '>=': '>=',
  '>>': '>',
  '<': '<=',
  '>': '>=',
}

/**
 * Converts a versioned dependency to RPM's notation. The version is omitted if it is always satisfied: Debian's epochs are dropped on both
 * sides, so a bound from an older epoch always holds. `epoch` is the one that the required package has as an RPM.
 */
export function rpmDependency(
  name: string,
  operator?: string,
  bound?: string,
  present?: string,
  epoch?: number,
): string {
  if (operator === undefined || bound === undefined) return name
  if (present !== undefined && epochOf(bound) !== epochOf(present)) return name
  const { version: upstream, release } = rpmVersion(bound)
  const version = withEpoch(upstream, epoch)
  // `2.39.5-.` is later than every revision of 2.39.5
  if (operator === '<<' && bound.endsWith('-.')) return `${name} <= ${version}`
  const hasRevision = withoutEpoch(bound).includes('-')
  // in Debian 2.36-9 is later than 2.36; in RPM a bound without a release matches every release
  const rpmOperator = operator === '>>' && !hasRevision ? '>=' : OPERATORS[operator]
  return `${name} ${rpmOperator ?? '='} ${hasRevision ? `${version}-${release}` : version}`
}
