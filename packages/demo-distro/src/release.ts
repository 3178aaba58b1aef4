import type { DebianPackage } from './debian-packages.ts'
import type { HostDistribution } from './host-distribution.ts'

export type DebianHost = Extract<HostDistribution, { kind: 'debian-like' }>

/** The release that a mini distribution is made of, with the versions that names in it depend on. */
export interface Release {
  id: string
  version: string
  /** Undefined where the package is not part of the distribution. */
  python: string | undefined
  perl: string | undefined
  automake: string | undefined
  rpm: string | undefined
}

/** Adds the debuginfo packages where a spec installs what it has compiled. Since 4.20 rpm does so by itself. */
const DEBUG_PACKAGES = `%install %{?_enable_debug_packages:%{?buildsubdir:%{debug_package}}}\\
%%install\\
%{nil}`

export function releaseOf(
  { id, version }: Pick<DebianHost, 'id' | 'version'>,
  packages: ReadonlyMap<string, DebianPackage>,
): Release {
  const minorOf = (name: string): string | undefined =>
    /^(?:\d+:)?(\d+\.\d+)/.exec(packages.get(name)?.version ?? '')?.[1]
  return {
    id,
    version,
    python: minorOf('python3'),
    perl: minorOf('perl-base'),
    automake: minorOf('automake'),
    rpm: minorOf('rpm'),
  }
}

/** Fills in the places of a text of `tree/` that depend on the release. */
export function fillPlaceholders(text: string, release: Release): string {
  const { id, version, python = '3', rpm = '' } = release
  // As a number, because specs compare it.
  const macro = `%${id} ${version.replaceAll('.', '')}`
  const dist = `%dist .${id === 'debian' ? 'deb' : id}${version}`
  return text
    .replaceAll('@RELEASE_MACROS@', `${macro}\n${dist}`)
    .replaceAll('@DEBUG_PACKAGES@', /^4\.1\d$/.test(rpm) ? DEBUG_PACKAGES : '')
    .replaceAll('@PYTHON@', python)
    .replaceAll('@PYTHON_NODOTS@', python.replaceAll('.', ''))
}

/** Links that Debian's alternatives make when a package is installed. */
export function extraLinks({ automake }: Release): Record<string, Record<string, string>> {
  return {
    ...(automake !== undefined && {
      automake: {
        '/usr/bin/automake': `automake-${automake}`,
        '/usr/bin/aclocal': `aclocal-${automake}`,
      },
    }),
    bison: { '/usr/bin/yacc': 'bison.yacc' },
    debianutils: { '/usr/bin/which': 'which.debianutils' },
    gcc: { '/usr/bin/cc': 'gcc' },
    'g++': { '/usr/bin/c++': 'g++' },
    cpp: { '/usr/lib/cpp': '../bin/cpp' },
    mawk: { '/usr/bin/awk': 'mawk' },
    flex: { '/usr/bin/lex': 'flex' },
    python3: { '/usr/bin/python': 'python3' },
  }
}

/** Provides that can be read from no file. */
export function extraProvides({ python, perl }: Release): Record<string, string[]> {
  return {
    libc6: ['rtld(GNU_HASH)'],
    dash: ['/bin/sh'],
    // of the package with the command, though a smaller one has the interpreter
    python3: [`python(abi) = ${python}`],
    'perl-base': [`perl(:VERSION) = ${perl}`, 'perl(:WITH_ITHREADS)', 'perl(:WITH_THREADS)'],
  }
}
