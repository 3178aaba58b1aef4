import { readFile } from 'node:fs/promises'

export interface SpecValues {
  name?: string
  version: string
  release?: string
  /** Additional lines: in the preamble for `empty`, in the C source for `hello`. */
  extra?: string
}

/** Returns the text of a stand-in's spec file. The template `hello` builds an executable, `empty` a package without files. */
export async function specText(
  template: 'hello' | 'empty',
  { name = 'hello', version, release = '1%{?dist}', extra = '' }: SpecValues,
): Promise<string> {
  const text = await readFile(new URL(`${template}.spec`, import.meta.url), 'utf8')
  const values = { NAME: name, VERSION: version, RELEASE: release, EXTRA: extra }
  return text.replaceAll(/@([A-Z]+)@/g, (_, key: string) => values[key as keyof typeof values])
}
