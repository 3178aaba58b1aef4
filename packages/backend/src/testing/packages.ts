import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

export interface BuiltFile {
  name: string
  data: Buffer
}

/**
 * Makes rpmbuild build the source package of `name` and two binary packages: `name`, which contains `greeting`, and `name-doc`, whose
 * description is `words`.
 */
export async function buildPackages(
  dir: string,
  {
    name = 'hello',
    version = '1.0',
    arch = 'noarch',
    epoch = 0,
    words = 'Words.',
    greeting = `hello ${version}`,
  }: {
    name?: string
    version?: string
    arch?: string
    epoch?: number
    words?: string
    greeting?: string
  } = {},
): Promise<BuiltFile[]> {
  const top = await mkdtemp(join(dir, `${name}-${version}-${arch}-`))
  const spec = join(top, `${name}.spec`)
  await writeFile(
    spec,
    `Name: ${name}
${epoch === 0 ? '' : `Epoch: ${epoch}\n`}Version: ${version}
Release: 1
Summary: Says hello
License: MIT
BuildArch: ${arch}
%description
Says hello.
%package doc
Summary: Words about it
%description doc
${words}
%install
mkdir -p %{buildroot}/usr/share/${name}
echo ${greeting} > %{buildroot}/usr/share/${name}/greeting
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
