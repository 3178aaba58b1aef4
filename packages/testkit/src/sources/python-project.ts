import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runOrThrow } from '@copr/process/run'

export interface PythonProject {
  name: string
  version: string
  /** Default: MIT. */
  license?: string
  /** Runtime requirements, such as `shelf-base >= 1`. */
  requires?: string[]
}

/** The paths of the files that a project publishes on an index. */
export interface PythonArchives {
  sdist: string
  wheel: string
  /** The metadata of the wheel. */
  metadata: string
}

/** Makes the source archive and the wheel of a project; its only module has the project's name. */
export async function makePythonArchives(
  project: PythonProject,
  into: string,
): Promise<PythonArchives> {
  const { name, version, license = 'MIT', requires = [] } = project
  const module = name.replaceAll('-', '_')
  const stem = `${module}-${version}`
  const metadata = [
    'Metadata-Version: 2.4',
    `Name: ${name}`,
    `Version: ${version}`,
    'Summary: A project of a test',
    `License-Expression: ${license}`,
    ...requires.map((each) => `Requires-Dist: ${each}`),
    '',
  ].join('\n')
  const pyproject = [
    '[build-system]',
    'requires = ["setuptools"]',
    'build-backend = "setuptools.build_meta"',
    '[project]',
    `name = "${name}"`,
    `version = "${version}"`,
    'description = "A project of a test"',
    `dependencies = ${JSON.stringify(requires)}`,
    '',
  ].join('\n')
  const code = `def greet():\n    return "${name} ${version}"\n`
  const info = `${stem}.dist-info`
  const work = await mkdtemp(join(tmpdir(), 'python-project-'))
  try {
    await writeTree(join(work, stem), {
      'PKG-INFO': metadata,
      'pyproject.toml': pyproject,
      'setup.py': `from setuptools import setup\nsetup(name="${name}", version="${version}", py_modules=["${module}"])\n`,
      [`${module}.py`]: code,
    })
    await writeTree(join(work, 'wheel'), {
      [`${module}.py`]: code,
      [`${info}/METADATA`]: metadata,
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${info}/RECORD`]: `${module}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
    })
    const sdist = join(into, `${stem}.tar.gz`)
    await runOrThrow('tar', ['-C', work, '-czf', sdist, stem])
    const wheel = join(into, `${stem}-py3-none-any.whl`)
    const zip = ['-m', 'zipfile', '-c', wheel, `${module}.py`, info]
    await runOrThrow('python3', zip, { cwd: join(work, 'wheel') })
    return { sdist, wheel, metadata }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Writes text files, given by path, into a directory. */
export async function writeTree(dir: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
}
