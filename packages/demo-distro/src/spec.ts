import type { PackageFile } from './file-tree.ts'

export interface RpmPackage {
  name: string
  /** Undefined for packages without an epoch. */
  epoch?: number
  version: string
  release: string
  noarch: boolean
  summary: string
  requires: string[]
  provides: string[]
  files: PackageFile[]
  /** The lines of a trigger, as in a spec file. */
  trigger?: string
}

/** Renders a single spec file for all packages, so that rpmbuild starts only once and writes the packages in parallel. */
export function renderSpec(packages: RpmPackage[], listDir: string): string {
  return [
    'Name: copr-mini',
    'Version: 1',
    'Release: 1',
    'Summary: Mini distribution for build roots',
    'License: see the copyright files of the Debian packages',
    '%description\nMini distribution for build roots.',
    ...packages.map((one) => renderPackage(one, listDir)),
  ].join('\n')
}

function renderPackage(one: RpmPackage, listDir: string): string {
  const summary = one.summary.replaceAll('%', '%%')
  return [
    '',
    `%package -n ${one.name}`,
    ...(one.epoch === undefined ? [] : [`Epoch: ${one.epoch}`]),
    `Version: ${one.version}`,
    `Release: ${one.release}`,
    `Summary: ${summary}`,
    ...(one.noarch ? ['BuildArch: noarch'] : []),
    'AutoReqProv: no',
    ...one.requires.map((dependency) => `Requires: ${dependency}`),
    ...one.provides.map((dependency) => `Provides: ${dependency}`),
    `%description -n ${one.name}`,
    summary,
    `%files -n ${one.name} -f ${listDir}/${one.name}`,
    '%defattr(-,root,root,-)',
    ...(one.trigger === undefined ? [] : [one.trigger]),
  ].join('\n')
}

export function renderFileList(files: PackageFile[]): string {
  return files
    .map(({ path, kind, mode }) => {
      const attributes = mode === undefined ? '' : `%attr(${mode},root,root) `
      return `${attributes}${kind === 'directory' ? '%dir ' : ''}"${quoted(path)}"\n`
    })
    .join('')
}

/**
 * Quotes a path for a file list, in which rpmbuild expands macros and shell patterns. Pattern characters cannot be escaped, so each is
 * replaced by `?`.
 */
function quoted(path: string): string {
  const isPattern = /[*?{}\\]|\[.*\]/.test(path)
  return (isPattern ? path.replaceAll(/[[\]{}*\\]/g, '?') : path).replaceAll('%', '%%')
}
