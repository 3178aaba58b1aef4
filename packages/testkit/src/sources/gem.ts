import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from '@copr/process/run'
import { writeTree } from './python-project.ts'

export interface GemProject {
  name: string
  version: string
  /** Text files by path; the gem contains all of them, in this order. */
  files: Record<string, string>
  /** More lines for the gemspec, in which the specification is called `s`. Default: a line that sets the license to MIT. */
  settings?: string[]
}

/** Builds a gem with this machine's `gem` in the directory `into`; returns the gem's path. */
export async function makeGem(project: GemProject, into: string): Promise<string> {
  const { name, version, files, settings = ["s.licenses = ['MIT']"] } = project
  const gemspec = [
    'Gem::Specification.new do |s|',
    `s.name = '${name}'`,
    `s.version = '${version}'`,
    "s.summary = 'A gem of a test.'",
    "s.authors = ['A test']",
    `s.files = ${JSON.stringify(Object.keys(files))}`,
    ...settings,
    'end',
    '',
  ].join('\n')
  const work = await mkdtemp(join(tmpdir(), 'gem-'))
  try {
    await writeTree(work, { ...files, [`${name}.gemspec`]: gemspec })
    const path = join(into, `${name}-${version}.gem`)
    const args = ['build', '--quiet', '--force', '--output', path, `${name}.gemspec`]
    await runOrThrow('gem', args, { cwd: work, env: { HOME: work } })
    return path
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
