import type { DebianPackage } from './debian-packages.ts'
import type { HostDistribution } from './host-distribution.ts'

export type DebianHost = Extract<HostDistribution, { kind: 'debian-like' }>

/** The Debian release that a mini distribution is built from, with the versions that some names depend on. */
export interface Release {
  id: string
  version: string
  /** Undefined if the distribution does not have the package. */
  python: string | undefined
  /** With the patch level, which names the directory of modules that an administrator installs. */
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

/** %autosetup with the option -C of rpm 4.20, which unpacks the first source without the archive's own top folder. */
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

/** Replaces the placeholders in a text of `tree/` that depend on the release. */
export function fillPlaceholders(text: string, release: Release): string {
  const { id, version, python = '3', perl = '5.0.0', rpm = '', lua = '5', ruby = '3' } = release
  // A number, because specs compare it.
  const macro = `%${id} ${version.replaceAll('.', '')}`
  // %forgemeta sets the prefix for snapshots of a repository.
  const dist = `%dist %{?distprefix}.${id === 'debian' ? 'deb' : id}${version}`
  return (
    text
      .replaceAll('@RELEASE_MACROS@', `${macro}\n${dist}`)
      .replaceAll('@DEBUG_PACKAGES@', /^4\.1\d$/.test(rpm) ? DEBUG_PACKAGES : '')
      .replaceAll('@AUTOSETUP@', /^4\.1\d$/.test(rpm) ? AUTOSETUP : '')
      .replaceAll('@PYTHON@', python)
      .replaceAll('@PYTHON_NODOTS@', python.replaceAll('.', ''))
      .replaceAll('@LUA@', lua)
      // Ruby names its directories after the first release of a series.
      .replaceAll('@RUBY@', `${ruby}.0`)
      .replaceAll('@PERL@', perl)
      .replaceAll('@PERL_MINOR@', perl.replace(/\.\d+$/, ''))
  )
}

/** Returns links that Debian's alternatives create when a package is installed, and the link that makes bash the shell, as in Fedora. */
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
    // Fedora's lua-devel has these names without a version
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

/** Returns provides that cannot be derived from files. */
export function extraProvides({ python, perl, lua, ruby }: Release): Record<string, string[]> {
  return {
    libc6: ['rtld(GNU_HASH)'],
    bash: ['/bin/sh'],
    // provided by the package with the command `python3`, although a smaller package contains the interpreter
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
