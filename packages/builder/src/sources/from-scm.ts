import type { FinishRequest } from '@copr/contract/builder-protocol'
import { ScmSettings } from '@copr/contract/made-sources'
import type { TaskContext } from '@copr/agent/handler'
import { BuildFailure } from '../build-failure.ts'
import type { EngineOptions } from '../engine.ts'
import { CURL } from './build-source.ts'
import { withoutCredentials } from './download-from-user.ts'
import type { MadeTask } from './from-script.ts'
import { makeSrpm, type SourceWork } from './make-srpm.ts'
import { TOPDIR } from '../roots/build-folders.ts'
import { checkScmSettings, SETTINGS } from './scm/check-settings.ts'
import { cloneGit, GIT_ENV } from './scm/git.ts'
import { locatePackage, onlySpec } from './scm/locate.ts'
import { runMakefile } from './scm/makefile.ts'
import { buildByRpkg } from './scm/rpkg.ts'
import { checkOutSvn } from './scm/svn.ts'
import { scriptFailure } from './script-failure.ts'

const CLIENT: Record<ScmSettings['type'], string> = { git: 'git-core', svn: 'subversion' }
const PACKAGES: Record<ScmSettings['source_build_method'], string[]> = {
  rpkg: ['bash', 'findutils', 'gzip', 'tar', CURL],
  make_srpm: ['make', 'dnf'],
  tito: ['tito'],
  tito_test: ['tito'],
}

/** Clones a repository in the buildroot of the task, and makes an SRPM from it with the method that the task's settings name. */
export async function makeFromScm(
  task: MadeTask,
  context: TaskContext,
  options: EngineOptions,
): Promise<FinishRequest> {
  const settings = ScmSettings.parse(task.source.settings)
  const { type, source_build_method } = settings
  return await makeSrpm(task, context, options, {
    title: withoutCredentials(settings.clone_url),
    packages: [CLIENT[type], ...PACKAGES[source_build_method]],
    async prepare() {
      checkScmSettings(settings)
      if (type === 'svn' && source_build_method.startsWith('tito'))
        throw new BuildFailure(
          `Cannot run ${source_build_method} in a Subversion repository: tito builds tags of git`,
          { ...SETTINGS, hint: 'Choose the method rpkg or make_srpm.' },
        )
    },
    make: (work) => makeByMethod(work, settings),
  })
}

async function makeByMethod(work: SourceWork, settings: ScmSettings): Promise<void> {
  const top = await (settings.type === 'svn' ? checkOutSvn : cloneGit)(work, settings)
  const place = await locatePackage(work, top, settings)
  const { directory } = place
  switch (settings.source_build_method) {
    case 'rpkg':
      return await buildByRpkg(work, { spec: onlySpec(place, top), top })
    case 'make_srpm': {
      const spec = settings.spec === '' ? directory : (place.specs[0] ?? directory)
      return await runMakefile(work, { top, directory, spec })
    }
    case 'tito':
    case 'tito_test':
      return await buildByTito(work, directory, settings.source_build_method)
  }
}

/**
 * Runs tito, which builds the latest tag (with `tito_test`, the current commit) and finds the spec file itself. `--offline` keeps tito from
 * comparing the tag with the server's: the server has just sent the tag, and may require a password.
 */
async function buildByTito(
  { run }: SourceWork,
  cwd: string,
  method: 'tito' | 'tito_test',
): Promise<void> {
  const test = method === 'tito_test' ? ['--test'] : []
  const command = ['tito', 'build', '--srpm', '--output', `${TOPDIR}/SRPMS`, '--offline', ...test]
  const exit = await run(command, { network: 'public', cwd, env: GIT_ENV })
  if (exit.code !== 0) throw scriptFailure('tito build --srpm', exit)
}
