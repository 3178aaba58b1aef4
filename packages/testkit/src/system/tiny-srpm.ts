import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

interface TinySource {
  name: string
  version?: string
  release?: string
  /** The BuildRequires. */
  requires?: string[]
  /** The BuildRequires that %generate_buildrequires prints. */
  generates?: string[]
  /** The explicit Provides. */
  provides?: string[]
  /** Names of subpackages, which contain no files. */
  subpackages?: string[]
  /** The path of a second file in the package. */
  file?: string
  /** The shell lines of %build. */
  build?: string
  /** A source file next to the spec. */
  source?: { name: string; content: Uint8Array }
}

/** Builds SRPMs of packages that contain one small file; the SRPMs are deleted at the end of the scope. */
export interface TinySources extends Disposable {
  readonly dir: string
  make(wanted: TinySource): Promise<string>
}

export function tinySources(): TinySources {
  const dir = mkdtempSync(join(tmpdir(), 'copr-tiny-'))
  return {
    dir,
    make: async (wanted) => await makeTiny(dir, wanted),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

async function makeTiny(dir: string, wanted: TinySource): Promise<string> {
  const { name, version = '1.0', release = '1', source } = wanted
  const work = mkdtempSync(join(dir, `${name}-`))
  const target = join(work, 'srpm')
  mkdirSync(target)
  writeFileSync(join(work, `${name}.spec`), specOf({ ...wanted, version, release }))
  if (source) writeFileSync(join(work, source.name), source.content)
  const macros = {
    _topdir: work,
    _sourcedir: work,
    _srcrpmdir: target,
    _source_payload: 'w1.gzdio',
  }
  const defines = Object.entries(macros).flatMap(([key, value]) => ['--define', `${key} ${value}`])
  await runOrThrow('rpmbuild', ['-bs', '--nodeps', ...defines, join(work, `${name}.spec`)], {
    env: { HOME: work },
  })
  const made = readdirSync(target).find((file) => file.endsWith('.src.rpm'))
  if (made === undefined) throw new Error(`Cannot find the SRPM of ${name}`)
  return join(target, made)
}

function specOf({ build = '', ...wanted }: TinySource): string {
  const { name, version, release, requires, generates, provides, file, source } = wanted
  const { subpackages = [] } = wanted
  return `Name: ${name}
Version: ${version}
Release: ${release}
Summary: Tiny package of a test
License: MIT
BuildArch: noarch
${source ? `Source0: ${source.name}` : ''}
${requires ? `BuildRequires: ${requires.join(' ')}` : ''}
${provides ? `Provides: ${provides.join(' ')}` : ''}
%description
Has one file.
${subpackages.map((each) => `%package -n ${each}\nSummary: Empty package of a test\n%description -n ${each}\nIs empty.\n%files -n ${each}`).join('\n')}
%prep
${generates ? `%generate_buildrequires\n${generates.map((each) => `echo '${each}'`).join('\n')}` : ''}
%build
${build}
%install
mkdir -p %{buildroot}/usr/share/tiny
echo ${name} ${version} ${release} > %{buildroot}/usr/share/tiny/${name}
${file === undefined ? '' : `mkdir -p %{buildroot}${dirname(file)}; touch %{buildroot}${file}`}
%files
/usr/share/tiny/${name}
${file ?? ''}
`
}
