import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '@copr/process/run'
import type { PackageFiles } from './file-tree.ts'

/**
 * Finds what a package provides besides its own name, as spec files and rpm's generators may require it: paths, libraries, pkgconfig(),
 * perl() …
 */
export async function findProvides(
  content: PackageFiles,
  { tree, python, signal }: { tree: string; python?: string | undefined; signal?: AbortSignal },
): Promise<string[]> {
  const paths = content.files.filter((file) => file.kind !== 'directory').map((file) => file.path)
  const regular = content.files.filter((file) => file.kind === 'file').map((file) => file.path)
  return [
    ...new Set([
      ...content.oldPaths,
      ...(await libraryProvides(regular, tree, signal)),
      ...(await gather(paths, /\/pkgconfig\/[^/]+\.pc$/, tree, pkgConfigProvide)),
      ...(await gather(regular, PERL_MODULE, tree, perlProvide)),
      ...paths.flatMap(gemProvide),
      ...(await gather(paths, PYTHON_METADATA, tree, (path, text) =>
        pythonProvides(path, text, python),
      )),
    ]),
  ]
}

async function gather(
  paths: string[],
  pattern: RegExp,
  tree: string,
  read: (path: string, text: string) => string[],
): Promise<string[]> {
  const wanted = paths.filter((path) => pattern.test(path))
  const found = await Promise.all(
    wanted.map(async (path) =>
      read(path, await readFile(join(tree, path), 'utf8').catch(() => '')),
    ),
  )
  return found.flat()
}

async function libraryProvides(
  paths: string[],
  tree: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const libraries = paths.filter(
    (path) => /^\/usr\/lib(64)?\/.*\.so(\.|$)/.test(path) && !/\/(perl|python3)[^/]*\//.test(path),
  )
  if (libraries.length === 0) return []
  const args = ['--provides', ...libraries.map((path) => join(tree, path))]
  // elfdeps fails if one of the files is a linker script, but still reports the other files
  const { output } = await run('/usr/lib/rpm/elfdeps', args, signal && { signal })
  return output.split('\n').filter((line) => line !== '')
}

/** Returns the Provides of a .pc file; the version may refer to variables that are defined above it. */
export function pkgConfigProvide(path: string, text: string): string[] {
  const variables = new Map<string, string>()
  const expand = (value: string) =>
    value.trim().replaceAll(/\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? '')
  for (const [, name = '', value = ''] of text.matchAll(/^(\w+)\s*=\s*(.*)$/gm))
    variables.set(name, expand(value))
  const version = expand(/^Version:\s*(.*)$/m.exec(text)?.[1] ?? '').replaceAll('-', '.')
  const name = `pkgconfig(${basename(path, '.pc')})`
  return [version === '' ? name : `${name} = ${version}`]
}

const PERL_MODULE =
  /^\/usr\/(?:share\/perl5|share\/perl\/[\d.]+|lib\/[^/]+\/perl5?\/[\d.]+|lib\/[^/]+\/perl-base)\/(.+)\.pm$/

function perlProvide(path: string, text: string): string[] {
  const name = `perl(${PERL_MODULE.exec(path)?.[1]?.replaceAll('/', '::')})`
  const version = /\$VERSION\s*=\s*['"]?v?(\d[\d._]*)/.exec(text)?.[1]?.replaceAll('_', '')
  return [version === undefined ? name : `${name} = ${version}`]
}

const GEM_SPECIFICATION = /\/specifications\/(?:default\/)?(.+)-(\d[^-]*)\.gemspec$/

/** Returns the Provides of a gem whose specification is at this path. */
export function gemProvide(path: string): string[] {
  const [, name, version] = GEM_SPECIFICATION.exec(path) ?? []
  return name === undefined ? [] : [`rubygem(${name}) = ${version}`]
}

const PYTHON_METADATA =
  /^\/usr\/lib\/python3\/dist-packages\/[^/]+\.(dist-info\/METADATA|egg-info\/PKG-INFO|egg-info)$/

export function pythonProvides(path: string, text: string, python: string | undefined): string[] {
  const name = /^Name:\s*(\S+)/m
    .exec(text)?.[1]
    ?.replaceAll(/[-_.]+/g, '-')
    .toLowerCase()
  const version = /^Version:\s*(\S+)/m.exec(text)?.[1]
  if (name === undefined || version === undefined) return []
  // rpm's generator drops trailing zeros from versions, both in Provides and in Requires
  const short = version.replace(/(\.0+)+$/, '')
  return ['3', ...(python === undefined ? [] : [python])].map(
    (interpreter) => `python${interpreter}dist(${name}) = ${short}`,
  )
}
