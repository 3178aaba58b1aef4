import { readFile } from 'node:fs/promises'

export interface SpecValues {
  name?: string
  version: string
  release?: string
  /** More lines: of the preamble, or of the program. */
  extra?: string
}

/** Returns the text of a stand-in's spec file: the template `hello` makes a program, `empty` a package without files. */
export async function specText(
  template: 'hello' | 'empty',
  { name = 'hello', version, release = '1%{?dist}', extra = '' }: SpecValues,
): Promise<string> {
  const text = await readFile(new URL(`${template}.spec`, import.meta.url), 'utf8')
  const values = { NAME: name, VERSION: version, RELEASE: release, EXTRA: extra }
  return text.replaceAll(/@([A-Z]+)@/g, (_, key: string) => values[key as keyof typeof values])
}
