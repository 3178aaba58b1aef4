import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Returns the reason to skip tests that need these programs; false if all are installed. */
export function missingTools(...names: string[]): string | false {
  const missing = names.filter((name) => !hasTool(name))
  return missing.length > 0 && `${missing.join(', ')} not installed`
}

function hasTool(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Creates a temporary directory that is deleted at the end of the scope. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'copr-rpm-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface RealPackages {
  source: string
  binary: string
}

const SPEC = `Name: hello
Epoch: 2
Version: 1.0~rc1
Release: 3
Summary: Greets
License: MIT
URL: https://example.com/hello
Source0: a.txt
Source1: empty.txt
BuildArch: noarch
ExclusiveArch: noarch x86_64
BuildRequires: make >= 4
Requires: filesystem
Provides: greeter = 5
%description
Says hello.
%install
mkdir -p %{buildroot}/usr/share/hello
cp %{SOURCE0} %{buildroot}/usr/share/hello/a.txt
ln -s a.txt %{buildroot}/usr/share/hello/link
%files
/usr/share/hello
`

/** Builds a source package and a binary package with rpmbuild; `payload` is rpm's name for the compression, such as `w9.xzdio`. */
export function buildRealPackages(
  dir: string,
  {
    payload,
    defines = {},
    content = 'hello\n',
  }: {
    payload: string
    defines?: Record<string, string>
    content?: string
  },
): RealPackages {
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'hello.spec'), SPEC)
  writeFileSync(join(dir, 'a.txt'), content)
  writeFileSync(join(dir, 'empty.txt'), '')
  const all = {
    _topdir: dir,
    _sourcedir: dir,
    _srcrpmdir: dir,
    _rpmdir: dir,
    _rpmfilename: '%{name}.%{arch}.rpm',
    _source_payload: payload,
    _binary_payload: payload,
    ...defines,
  }
  const options = Object.entries(all).flatMap(([name, value]) => ['--define', `${name} ${value}`])
  execFileSync('rpmbuild', ['-ba', '--nodeps', ...options, join(dir, 'hello.spec')], {
    stdio: 'pipe',
  })
  const source = readdirSync(dir).find((name) => name.endsWith('.src.rpm'))
  return { source: join(dir, source ?? ''), binary: join(dir, 'hello.noarch.rpm') }
}

export function run(command: string, args: string[], env: Record<string, string> = {}): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: '/nonexistent', ...env },
  })
}
