import { basename } from 'node:path'
import { runOrThrow } from '../../packages/process/src/run.ts'

/**
 * Tags that contain a list of dependencies. The format also shows the type of each dependency, such as the scriptlet or trigger that needs
 * it.
 */
const DEPENDENCIES: Record<string, string> = {
  requires: '[%{REQUIRENEVRS}\\t%{REQUIREFLAGS:deptype}\\n]',
  provides: '[%{PROVIDENEVRS}\\n]',
  obsoletes: '[%{OBSOLETENEVRS}\\n]',
  conflicts: '[%{CONFLICTNEVRS}\\n]',
  recommends: '[%{RECOMMENDNEVRS}\\n]',
  suggests: '[%{SUGGESTNEVRS}\\n]',
  supplements: '[%{SUPPLEMENTNEVRS}\\n]',
  enhances: '[%{ENHANCENEVRS}\\n]',
  orders: '[%{ORDERNAME}\\n]',
}
const FILES =
  '[%{FILENAMES}\\t%{FILEMODES:perms}\\t%{FILEUSERNAME}:%{FILEGROUPNAME}\\t%{FILEFLAGS:fflags}\\t%{FILEVERIFYFLAGS:vflags}\\t%{FILELINKTOS}\\n]'
/** Owners and dependency types that are too common to be listed. */
const USUAL = new Set(['root:root', 'auto', 'manual', ''])

/** Values that differ between releases and architectures, and the macros with which specs write them. */
const PLACEHOLDERS: [RegExp, string][] = [
  [/\blib\/(x86_64|aarch64)-linux-gnu\b/g, '%{_lib}'],
  [/\b(x86_64|aarch64)\b/g, '%{_arch}'],
  [/\(x86-64\)|\(aarch-64\)/g, '(%{__isa_name}-%{__isa_bits})'],
  [/%\{_arch\}-(debian|ubuntu|linux)-linux(-gnu)?\b/g, '%{_target_platform}'],
  [/\bbuild-id\) = [0-9a-f]{40}/g, 'build-id)'],
  [/\bpy3\.\d+\b/g, 'py%{python3_version}'],
  [/\b3\.\d+\.0(?=\/(corpus|gems|specifications))/g, '%{ruby_version}'],
  [/\/usr\/bin\/ruby3\.\d+/g, '/usr/bin/ruby'],
  [/\blibruby-3\.\d+\.so\.3\.\d+/g, 'libruby.so'],
  [/\.(deb|ubuntu)\d+(\.\d+)?\b/g, '%{dist}'],
  [/\bpython3\.\d+/g, 'python%{python3_version}'],
  [/\bpython\(abi\) = 3\.\d+/g, 'python(abi) = %{python3_version}'],
  [/\bcpython-3\d+/g, 'cpython-%{python3_version_nodots}'],
  [/\bperl5\/5\.\d+/g, 'perl5/%{perl_version}'],
  [/MODULE_COMPAT_5\.\d+\.\d+/g, 'MODULE_COMPAT_%{perl_version}'],
]
/**
 * Lines to omit: symbol versions, which depend on the release of the C library in which a function last changed; rpm's own features; and
 * build IDs.
 */
const LEFT_OUT = /^(rpmlib\(|lib[\w+]+\.so\.\d+\((GLIBC|GCC|GLIBCXX|CXXABI)_)|\/\.build-id\b/
const SCRIPTLETS = {
  pretrans: 'PRETRANS',
  pre: 'PREIN',
  post: 'POSTIN',
  preun: 'PREUN',
  postun: 'POSTUN',
  posttrans: 'POSTTRANS',
  verify: 'VERIFYSCRIPT',
}

/** Describes built packages in the notation of the files `expected`, omitting everything that differs from build to build. */
export async function describeRpms(paths: string[]): Promise<string> {
  const texts: string[] = []
  for (const path of paths.toSorted((a, b) => (basename(a) < basename(b) ? -1 : 1)))
    texts.push(await describeRpm(path))
  return texts.join('\n')
}

async function describeRpm(path: string): Promise<string> {
  const lines = [`package ${(await query(path, '%{NEVRA}')).join('')}`]
  for (const line of await query(path, FILES)) lines.push(`  ${fileOf(line.split('\t'))}`)
  for (const [word, format] of Object.entries(DEPENDENCIES))
    for (const line of await query(path, format)) {
      const [name = '', ...reasons] = line.split(/[\t,]/)
      const shown = reasons.filter((reason) => !USUAL.has(reason))
      lines.push(`  ${word} ${name}${shown.length > 0 ? ` (${shown.join(' ')})` : ''}`)
    }
  for (const [name, tag] of Object.entries(SCRIPTLETS))
    if ((await query(path, `%|${tag}?{yes}|`)).length > 0) lines.push(`  scriptlet ${name}`)
  for (const line of await query(path, '[%{TRIGGERTYPE} %{TRIGGERCONDS}\\n]'))
    lines.push(`  trigger ${line}`)
  for (const line of await query(path, '[%{FILETRIGGERNAME}\\n][%{TRANSFILETRIGGERNAME}\\n]'))
    lines.push(`  file trigger ${line}`)
  const kept = lines.filter((line) => !LEFT_OUT.test(line.replace(/^ {2}\w+ /, '')))
  return `${[...new Set(kept)].map(withPlaceholders).join('\n')}\n`
}

const FLAGS: Record<string, string> = {
  a: 'artifact',
  c: 'config',
  d: 'doc',
  g: 'ghost',
  l: 'license',
  m: 'missingok',
  n: 'noreplace',
  r: 'readme',
}

function fileOf([
  path = '',
  mode = '',
  owner = '',
  flags = '',
  verified = '',
  target = '',
]: string[]) {
  return [
    mode,
    path,
    ...(target === '' ? [] : [`-> ${target}`]),
    ...(USUAL.has(owner) ? [] : [owner]),
    ...flags.split('').map((flag) => FLAGS[flag] ?? flag),
    ...(verified === VERIFIED ? [] : [`verifies ${verified}`]),
  ].join(' ')
}

/** The verify flags of files that have no %verify in the spec. */
const VERIFIED = 'SM?D?UGTP'

function withPlaceholders(line: string): string {
  return PLACEHOLDERS.reduce((text, [pattern, macro]) => text.replace(pattern, macro), line)
}

async function query(path: string, format: string): Promise<string[]> {
  const text = await runOrThrow('rpm', ['-qp', '--nosignature', '--qf', format, path])
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('(none)'))
}
