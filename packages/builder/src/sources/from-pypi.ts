import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FinishRequest } from '@copr/contract/builder-protocol'
import { PypiSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { Build, EngineOptions } from '../engine.ts'
import { CURL } from './build-source.ts'
import type { MadeTask } from './from-script.ts'
import { askIndex, downloadArchive, NOT_IN_INDEX } from './indexes/package-index.ts'
import { normalName, readRelease, releaseUrl } from './indexes/pypi-release.ts'
import { FIXED, makeSrpm, type SourceWork, type SrpmTask, WORKDIR } from './make-srpm.ts'
import { takeResultFolder } from './result-folder.ts'
import { scriptFailure } from './script-failure.ts'

const LOCAL_ANSWERS = fileURLToPath(new URL('generators/sitecustomize.py', import.meta.url))
const FOLDER = 'python'

/** A release of a project: the requested version or, by default, the newest. */
interface Release {
  name: string
  version: string
  /** The index's JSON description of the release. */
  answer: string
  /** The name of the source archive. */
  archive: string
}

/**
 * Makes an SRPM of a project on the Python Package Index with the generator that the task's settings name. The generator is installed as a
 * package of the chroot. The index decides which version is the newest, and the source archive is verified with the digest from the index.
 */
export async function makeFromPypi(
  task: MadeTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const settings = PypiSettings.parse(task.source.settings)
  const { spec_generator: generator } = settings
  let release: Release | undefined
  return await makeSrpm(task, context, options, {
    title: `${settings.pypi_package_name} on PyPI`,
    packages: [generator, CURL],
    async prepare(build, { workdir, fixed }) {
      // pyp2rpm requires the archive in the directory of its spec.
      const [into, inRoot] = generator === 'pyp2rpm' ? [fixed, FIXED] : [workdir, WORKDIR]
      release = await fetchRelease(build, settings, into)
      const folder = join(fixed, FOLDER)
      await mkdir(folder)
      await cp(LOCAL_ANSWERS, join(folder, 'sitecustomize.py'))
      await writeFile(join(folder, 'release.json'), release.answer)
      const files = {
        release: `${FIXED}/${FOLDER}/release.json`,
        archive: `${inRoot}/${release.archive}`,
      }
      await writeFile(join(folder, 'files.json'), JSON.stringify(files))
    },
    async make(work) {
      if (!release) throw new Error('The release was not fetched')
      if (generator === 'pyp2rpm') return await runPyp2rpm(work, release, settings)
      if (settings.spec_template !== '' || settings.python_versions.some((one) => one !== '3'))
        work.build.log.line(
          'The template and the Python versions have no effect: pyp2spec writes specs for the Python of the distribution',
        )
      await runPyp2spec(work, release)
    },
  })
}

async function fetchRelease(
  build: Build<SrpmTask>,
  { pypi_package_name: name, pypi_package_version, python_versions, index_url }: PypiSettings,
  folder: string,
): Promise<Release> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new BuildFailure(
      `Cannot use ${JSON.stringify(name)}: it is not the name of a project on PyPI`,
      NOT_IN_INDEX,
    )
  if (!/^([A-Za-z0-9][A-Za-z0-9.!+_-]*)?$/.test(pypi_package_version))
    throw new BuildFailure(
      `Cannot use ${JSON.stringify(pypi_package_version)}: it is not a version`,
      NOT_IN_INDEX,
    )
  const python = python_versions.find((one) => !/^\d+(\.\d+)?$/.test(one))
  if (python !== undefined)
    throw new BuildFailure(
      `Cannot use ${JSON.stringify(python)}: it is not a version of Python`,
      NOT_IN_INDEX,
    )
  const url = releaseUrl(index_url, name, pypi_package_version)
  const answer = await askIndex(build, url)
  if (answer === undefined)
    throw await unknownRelease(build, { name, index_url, version: pypi_package_version })
  const { version, sdist } = readRelease(answer, { name, url })
  build.log.line(`${name} ${version}: ${sdist.file_name}`)
  await downloadArchive(build, sdist, folder)
  return { name, version, answer, archive: sdist.file_name }
}

async function unknownRelease(
  build: Build<SrpmTask>,
  { name, version, index_url }: { name: string; version: string; index_url: string },
): Promise<BuildFailure> {
  const url = releaseUrl(index_url, name, '')
  const newest = version === '' ? undefined : await askIndex(build, url)
  if (newest === undefined) return new BuildFailure(`PyPI has no project ${name}`, NOT_IN_INDEX)
  const known = /"version": *"([^"]{1,50})"/.exec(newest)?.[1]
  return new BuildFailure(
    `PyPI has no version ${version} of ${name}${known === undefined ? '' : `: the newest is ${known}`}`,
    NOT_IN_INDEX,
  )
}

/** The environment of a generator: its requests to PyPI are answered from local files; only a wheel is downloaded over the network. */
const ENV = { PYTHONPATH: `${FIXED}/${FOLDER}`, PYTHONDONTWRITEBYTECODE: '1' }

/**
 * Runs pyp2spec and makes an SRPM of its spec. The option to check the licenses against Fedora's list is not used: it would download the
 * list from another site, only to print the result.
 */
async function runPyp2spec(work: SourceWork, { name, version }: Release): Promise<void> {
  const command = ['pyp2spec', '--automode', '--version', version, normalName(name)]
  const exit = await work.run(command, { network: 'public', cwd: WORKDIR, env: ENV })
  if (exit.code !== 0) throw scriptFailure('pyp2spec', exit)
  await takeResultFolder(work, { folder: WORKDIR, top: WORKDIR, shown: 'the output of pyp2spec' })
}

/** Runs pyp2rpm, which writes a spec next to the archive, and makes an SRPM of that spec. */
async function runPyp2rpm(
  work: SourceWork,
  { name, version }: Release,
  { spec_template, python_versions: [base, ...others] }: PypiSettings,
): Promise<void> {
  const command = [
    'pyp2rpm',
    ...(spec_template === '' ? [] : ['-t', spec_template]),
    '-s',
    '-d',
    WORKDIR,
    ...(base === undefined ? [] : ['-b', base]),
    ...others.flatMap((one) => ['-p', one]),
    '-v',
    version,
    name,
  ]
  const exit = await work.run(command, { network: 'public', cwd: WORKDIR, env: ENV })
  if (exit.code !== 0) throw scriptFailure('pyp2rpm', exit)
  await takeResultFolder(work, { folder: WORKDIR, top: WORKDIR, shown: 'the output of pyp2rpm' })
}
