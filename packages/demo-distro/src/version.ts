/** Converts a Debian version to RPM's version and release. Drops the epoch, which RPM users do not expect. */
export function rpmVersion(debian: string): { version: string; release: string } {
  const [, upstream, revision] = /^(.*?)(?:-([^-]*))?$/.exec(withoutEpoch(debian)) ?? []
  // Debian joins the versions of components with +~. In RPM, the ~ would mean a pre-release of the first component.
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
 * Converts a versioned dependency to RPM's notation. Debian's epochs are dropped from the bound and from the version of the package that is
 * present. If the two epochs differ, the bound is from an older epoch and always satisfied, so the version is omitted. `epoch` is the epoch
 * that the required package has as an RPM.
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
  // in Debian, `2.39.5-.` is later than every revision of 2.39.5
  if (operator === '<<' && bound.endsWith('-.')) return `${name} <= ${version}`
  const hasRevision = withoutEpoch(bound).includes('-')
  // in Debian, 2.36-9 is later than 2.36; in RPM, a bound without a release equals every release of its version, so that only `>=` allows
  // 2.36-9
  const rpmOperator = operator === '>>' && !hasRevision ? '>=' : OPERATORS[operator]
  return `${name} ${rpmOperator ?? '='} ${hasRevision ? `${version}-${release}` : version}`
}
