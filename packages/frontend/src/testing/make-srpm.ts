import { runOrThrow } from '@copr/process/run'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SPEC = (head: string) => `
Name: hello
Version: 2.12
Release: 1
Summary: A greeting
License: MIT
BuildArch: noarch
${head}
%description
A greeting.
%files
`

export interface MadeRpm {
  name: string
  bytes: Buffer
}

/** Builds a package with rpmbuild; `head` is added to the preamble of the spec file. */
export async function makeRpm(kind: 'source' | 'binary', head = ''): Promise<MadeRpm> {
  const dir = await mkdtemp(join(tmpdir(), 'copr-test-rpm-'))
  try {
    const spec = join(dir, 'hello.spec')
    await writeFile(spec, SPEC(head))
    const flag = kind === 'source' ? '-bs' : '-bb'
    const defines = {
      _topdir: dir,
      _srcrpmdir: dir,
      _rpmdir: dir,
      _build_name_fmt: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
    }
    const options = Object.entries(defines).flatMap(([name, value]) => [
      '--define',
      `${name} ${value}`,
    ])
    await runOrThrow('rpmbuild', [flag, '--nodeps', ...options, spec], { env: { HOME: dir } })
    const name = (await readdir(dir)).find((each) => each.endsWith('.rpm'))
    if (name === undefined) throw new Error('rpmbuild created no package')
    return { name, bytes: await readFile(join(dir, name)) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Creates the same form as python-copr does. */
export function uploadForm(
  file: { name: string; bytes: Uint8Array } | undefined,
  fields: Record<string, unknown>,
): FormData {
  const form = new FormData()
  form.append('json', new File([JSON.stringify(fields)], 'json', { type: 'application/json' }))
  if (file)
    form.append(
      'pkgs',
      new File([new Uint8Array(file.bytes)], file.name, { type: 'application/x-rpm' }),
    )
  return form
}
