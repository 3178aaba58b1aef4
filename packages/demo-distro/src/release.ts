import type { DebianPackage } from './debian-packages.ts'
import type { HostDistribution } from './host-distribution.ts'

export type DebianHost = Extract<HostDistribution, { kind: 'debian-like' }>

/**
 * The Debian-like release from which a mini distribution is built, with the versions of the packages that determine the names of some
 * files.
 */
export interface Release {
  id: string
  version: string
  /** Undefined if the distribution does not have the package. */
  python: string | undefined
  /** Includes the patch level, which is in the name of the directory for modules that an administrator installs. */
  perl: string | undefined
  automake: string | undefined
  lua: string | undefined
  ruby: string | undefined
  rpm: string | undefined
}

/** Adds the debuginfo packages if a spec installs compiled files. Since 4.20 rpm does this itself. */
const DEBUG_PACKAGES = `%install %{?_enable_debug_packages:%{?buildsubdir:%{debug_package}}}\\
%%install\\
%{nil}`

/** Adds to %autosetup the option -C of rpm 4.20, which unpacks the first source without the archive's own top-level folder. */
const AUTOSETUP = `%autosetup(a:b:cCDn:TvNS:p:)\\
%{!-C:%setup %{-a} %{-b} %{-c} %{-D} %{-n} %{-T} %{!-v:-q}}\\
%{-C:%{expand:%__autosetup_without_top %{-n} %{!-v:-q}}}\\
%{-S:%global __scm %{-S*}}\\
%{expand:%__scm_setup_%{__scm} %{!-v:-q}}\\
%{!-N:%autopatch %{-v} %{-p:-p%{-p*}}}
%__autosetup_without_top(n:q)\\
%setup -c -T %{-n} %{-q}\\
%{_rpmconfigdir}/rpmuncompress -x %{SOURCE0}\\
if [ "$(ls -A | wc -l)" = 1 ] && [ -d "$(ls -A)" ]; then\\
  mv "$(ls -A)" .copr-mini-top\\
  find .copr-mini-top -mindepth 1 -maxdepth 1 -exec mv -t . {} +\\
  rmdir .copr-mini-top\\
fi`

/** Directory of libraries in Debian. */
const LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`

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
    perl: /^\d+\.\d+\.\d+/.exec(packages.get('perl-base')?.version ?? '')?.[0],
    automake: minorOf('automake'),
    lua: minorOf('lua5.4'),
    ruby: minorOf('ruby'),
    rpm: minorOf('rpm'),
  }
}

/** Replaces the placeholders for release-dependent values in a text from `tree/`. */
export function fillPlaceholders(text: string, release: Release): string {
  const { id, version, python = '3', perl = '5.0.0', rpm = '', lua = '5', ruby = '3' } = release
  // The version must be a number, because spec files compare it.
  const macro = `%${id} ${version.replaceAll('.', '')}`
  // %forgemeta sets %distprefix for snapshots of a repository.
  const dist = `%dist %{?distprefix}.${id === 'debian' ? 'deb' : id}${version}`
  return (
    text
      .replaceAll('@RELEASE_MACROS@', `${macro}\n${dist}`)
      .replaceAll('@DEBUG_PACKAGES@', /^4\.1\d$/.test(rpm) ? DEBUG_PACKAGES : '')
      .replaceAll('@AUTOSETUP@', /^4\.1\d$/.test(rpm) ? AUTOSETUP : '')
      .replaceAll('@PYTHON@', python)
      .replaceAll('@PYTHON_NODOTS@', python.replaceAll('.', ''))
      .replaceAll('@LUA@', lua)
      // Ruby names its directories after the first release of a series, such as 3.1.0.
      .replaceAll('@RUBY@', `${ruby}.0`)
      .replaceAll('@PERL@', perl)
      .replaceAll('@PERL_MINOR@', perl.replace(/\.\d+$/, ''))
  )
}

/**
 * Returns the links that packages get in addition to their files, by package: those that Debian's alternatives would create at
 * installation, those with Fedora's names, and the link that makes bash the shell.
 */
export function extraLinks({
  automake,
  python = '3',
}: Release): Record<string, Record<string, string>> {
  return {
    ...(automake !== undefined && {
      automake: {
        '/usr/bin/automake': `automake-${automake}`,
        '/usr/bin/aclocal': `aclocal-${automake}`,
      },
    }),
    bash: { '/usr/bin/sh': 'bash' },
    cmake: { '/usr/bin/cmake3': 'cmake', '/usr/bin/ctest3': 'ctest' },
    bison: { '/usr/bin/yacc': 'bison.yacc' },
    debianutils: { '/usr/bin/which': 'which.debianutils' },
    dpkg: {
      '/usr/sbin/alternatives': '../bin/update-alternatives',
      '/usr/sbin/update-alternatives': '../bin/update-alternatives',
    },
    // the names without a version, as in Fedora's lua-devel
    'liblua5.4-dev': {
      ...Object.fromEntries(
        ['lua.h', 'luaconf.h', 'lualib.h', 'lauxlib.h', 'lua.hpp'].map((name) => [
          `/usr/include/${name}`,
          `lua5.4/${name}`,
        ]),
      ),
      [`${LIBRARIES}/liblua.so`]: 'liblua5.4.so',
      [`${LIBRARIES}/pkgconfig/lua.pc`]: 'lua5.4.pc',
    },
    'lua5.4': { '/usr/bin/lua': 'lua5.4', '/usr/bin/luac': 'luac5.4' },
    gcc: { '/usr/bin/cc': 'gcc' },
    'g++': { '/usr/bin/c++': 'g++' },
    cpp: { '/usr/lib/cpp': '../bin/cpp' },
    mawk: { '/usr/bin/awk': 'mawk' },
    flex: { '/usr/bin/lex': 'flex' },
    python3: { '/usr/bin/python': 'python3' },
    'python3-sphinx': Object.fromEntries(
      ['apidoc', 'autogen', 'build', 'quickstart'].flatMap((name) =>
        ['3', python].map((suffix) => [`/usr/bin/sphinx-${name}-${suffix}`, `sphinx-${name}`]),
      ),
    ),
  }
}

/** Returns the Provides that cannot be derived from files, by package. */
export function extraProvides({ python, perl, lua, ruby }: Release): Record<string, string[]> {
  return {
    libc6: ['rtld(GNU_HASH)'],
    bash: ['/bin/sh'],
    // the package with the command `python3` provides this, although the interpreter itself is in a smaller package
    python3: [`python(abi) = ${python}`],
    // with the versions of Fedora's packages, because specs compare them
    cargo: ['cargo-rpm-macros = 26', 'rust-packaging = 26', 'rust-toolset = 1'],
    'golang-go': ['go-rpm-macros = 3.6', 'compiler(go-compiler) = 2', 'compiler(golang)'],
    'lua5.4': [`lua(abi) = ${lua}`],
    ruby: [`ruby(release) = ${ruby}`, `ruby(runtime_executable) = ${ruby}`],
    'ruby-dev': ['rubygems-devel = 3.3'],
    'ruby-rubygems': ['ruby(rubygems) = 3.3', 'rubygems = 3.3'],
    'perl-base': [
      `perl(:VERSION) = ${perl}`,
      `perl(:MODULE_COMPAT_${perl})`,
      'perl(:WITH_ITHREADS)',
      'perl(:WITH_THREADS)',
    ],
  }
}
