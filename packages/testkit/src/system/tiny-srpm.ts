import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

interface TinySource {
  name: string
  version?: string
  release?: string
  /** The BuildRequires. */
  requires?: string[]
  /** The shell lines of %build. */
  build?: string
  /** A source file next to the spec. */
  source?: { name: string; content: Uint8Array }
}

/** Builds SRPMs of packages with one small file; they are deleted when the scope ends. */
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

function specOf({ name, version, release, requires, build = '', source }: TinySource): string {
  return `Name: ${name}
Version: ${version}
Release: ${release}
Summary: Tiny package of a test
License: MIT
BuildArch: noarch
${source ? `Source0: ${source.name}` : ''}
${requires ? `BuildRequires: ${requires.join(' ')}` : ''}
%description
Has one file.
%prep
%build
${build}
%install
mkdir -p %{buildroot}/usr/share/tiny
echo ${name} ${version} ${release} > %{buildroot}/usr/share/tiny/${name}
%files
/usr/share/tiny/${name}
`
}
