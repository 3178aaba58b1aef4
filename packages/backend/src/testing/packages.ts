import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

export interface BuiltFile {
  name: string
  data: Buffer
}

/** Has rpmbuild make the source package of `name` and two binary packages, `name` and `name-doc`. */
export async function buildPackages(
  dir: string,
  {
    name = 'hello',
    version = '1.0',
    arch = 'noarch',
  }: { name?: string; version?: string; arch?: string } = {},
): Promise<BuiltFile[]> {
  const top = join(dir, `${name}-${version}-${arch}`)
  await mkdir(top, { recursive: true })
  const spec = join(top, `${name}.spec`)
  await writeFile(
    spec,
    `Name: ${name}
Version: ${version}
Release: 1
Summary: Says hello
License: MIT
BuildArch: ${arch}
%description
Says hello.
%package doc
Summary: Words about it
%description doc
Words.
%install
mkdir -p %{buildroot}/usr/share/${name}
echo hello ${version} > %{buildroot}/usr/share/${name}/greeting
echo words > %{buildroot}/usr/share/${name}/words
%files
/usr/share/${name}/greeting
%files doc
/usr/share/${name}/words
`,
  )
  await runOrThrow('rpmbuild', ['-ba', '--define', `_topdir ${top}`, '--target', arch, spec])
  const files: BuiltFile[] = [{ name: `${name}.spec`, data: await readFile(spec) }]
  for (const folder of ['SRPMS', `RPMS/${arch}`])
    for (const file of await readdir(join(top, folder)))
      files.push({ name: file, data: await readFile(join(top, folder, file)) })
  return files
}
